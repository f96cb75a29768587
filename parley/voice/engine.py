"""What every speech engine is: voices to choose from, and text made into sound as a stream."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 24_000
"""Rate of every engine's output, in Hz."""

SPEEDS = (0.5, 2.0)
"""Slowest and fastest pace that every engine takes; 1 is the voice's own."""


@dataclass(frozen=True)
class Voice:
    """One voice of an engine; `language` is a BCP 47 tag such as `en-US`."""

    name: str
    language: str
    gender: Literal["female", "male", "unknown"] = "unknown"


class SpeechEngine(Protocol):
    """Text in, sound out. One instance is shared by a process; its model is loaded once."""

    @property
    def name(self) -> str:
        """The engine's name as settings write it."""
        ...

    def voices(self) -> list[Voice]:
        """Every voice, the default first."""
        ...

    def stream(
        self, text: str, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[NDArray[np.float32]]:
        """Speak a text.

        Args:
            text: plain text, one or more sentences.
            voice: a name of `voices()`; without it the first voice of `language`.
            speed: pace, within `SPEEDS`.
            language: BCP 47 tag of the text; without it the voice's own.

        Returns:
            One array a sentence as soon as it is made: float32, shape (n,), in -1..1, at
            `SAMPLE_RATE`. Leaving the iterator stops the work.

        Raises:
            UnknownVoiceError: no such voice, or none for the language.
            SpeechTextError: nothing to say, or a speed outside `SPEEDS`.
            SpeechError: the engine failed.
        """
        ...

    async def aclose(self) -> None:
        """Wait for work under way and free the engine's threads."""
        ...
