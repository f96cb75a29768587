"""The engine that asks Gemini, a part of a meeting at a time."""

from parley.summary.gemini.engine import GeminiEngine

__all__ = ["GeminiEngine"]
