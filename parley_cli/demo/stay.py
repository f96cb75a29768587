"""One stay of a participant in the room: from joining to leaving, with all that they say."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parley_cli.demo.pacing import FRAME_MS

NOISE_RMS = 30.0
"""Loudness of the room noise under everything, of 32768: a quiet room, not digital silence."""


@dataclass(frozen=True)
class PlacedWord:
    """A word and where it lies in its line, in ms from the line's first sample."""

    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class PlacedLine:
    """A rendered line and when it begins, in ms from the meeting's start.

    `samples` is int16, mono, shape (n,), at the stay's rate.
    """

    text: str
    at_ms: int
    samples: NDArray[np.int16]
    words: tuple[PlacedWord, ...]
    sample_rate: int

    @property
    def duration_ms(self) -> int:
        """Length of the audio."""
        return round(len(self.samples) * 1000 / self.sample_rate)


@dataclass(frozen=True)
class Stay:
    """What one participant does between joining and leaving; times in ms from the start."""

    identity: str
    name: str
    join_ms: int
    leave_ms: int
    lines: tuple[PlacedLine, ...] = ()
    mutes: tuple[tuple[int, int], ...] = ()
    sample_rate: int = 24_000

    def audio(self, seed: int) -> NDArray[np.int16]:
        """All that this stay's microphone hears: room noise with the lines in it.

        Returns:
            int16, mono, shape (n,); sample 0 is at `join_ms`, whole frames only.
        """
        frame = self.sample_rate * FRAME_MS // 1000
        length = -(-(self.leave_ms - self.join_ms) // FRAME_MS) * frame
        noise = np.random.default_rng(seed).normal(0.0, NOISE_RMS, length)
        for line in self.lines:
            first = (line.at_ms - self.join_ms) * self.sample_rate // 1000
            part = line.samples[: max(length - first, 0)]
            noise[first : first + len(part)] += part
        return np.clip(noise, -32768, 32767).astype(np.int16)
