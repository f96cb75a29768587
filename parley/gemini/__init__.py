"""Gemini behind one small class with our errors."""

from parley.gemini.client import Gemini, JsonAnswer
from parley.gemini.errors import (
    GeminiBlockedError,
    GeminiError,
    GeminiRefusedError,
    GeminiUnavailableError,
)

__all__ = [
    "Gemini",
    "GeminiBlockedError",
    "GeminiError",
    "GeminiRefusedError",
    "GeminiUnavailableError",
    "JsonAnswer",
]
