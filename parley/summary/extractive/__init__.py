"""The engine without a model: sentences and patterns of the transcript, the same each time."""

from parley.summary.extractive.engine import ExtractiveEngine

__all__ = ["ExtractiveEngine"]
