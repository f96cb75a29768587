"""A sentence's sound, as the room's track takes it and as the recording keeps it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agent_fleet.frames import SAMPLE_RATE as RECORDING_RATE
from parley.audio.resample import resample, to_float32, to_int16
from parley.voice.engine import SAMPLE_RATE

FRAME_MS = 20
_FRAME = SAMPLE_RATE * FRAME_MS // 1000
_RECORDED_FRAME = RECORDING_RATE * FRAME_MS // 1000
_RAMP_FRAMES = 5  # frames in which the voice goes from full to low, or back
LOW = 0.2
"""Share of its level that a lowered voice keeps: 14 dB down."""


@dataclass(frozen=True)
class Sound:
    """Mono int16 of one sentence in whole frames of 20 ms.

    Attributes:
        room: shape (frames, 480), at 24 kHz.
        recording: shape (frames, 320), at 16 kHz.
    """

    room: NDArray[np.int16]
    recording: NDArray[np.int16]

    @classmethod
    def of(cls, samples: NDArray[np.int16]) -> "Sound":
        """Cut samples at 24 kHz into frames; resamples, so call it from a thread."""
        recorded = to_int16(resample(to_float32(samples), SAMPLE_RATE, RECORDING_RATE))
        frames = -(-len(samples) // _FRAME)
        return cls(_cut(samples, frames, _FRAME), _cut(recorded, frames, _RECORDED_FRAME))

    @classmethod
    def silence(cls, ms: int) -> "Sound":
        """So much silence."""
        frames = ms // FRAME_MS
        return cls(
            np.zeros((frames, _FRAME), np.int16), np.zeros((frames, _RECORDED_FRAME), np.int16)
        )

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return len(self.room)


def _cut(samples: NDArray[np.int16], frames: int, length: int) -> NDArray[np.int16]:
    whole = np.zeros(frames * length, np.int16)
    kept = samples[: len(whole)]
    whole[: len(kept)] = kept
    return whole.reshape(frames, length)


class Level:
    """The voice's level, which moves without a click."""

    def __init__(self) -> None:
        """Begin at full."""
        self._now = 1.0

    def applied(self, low: bool, *frames: NDArray[np.int16]) -> list[NDArray[np.int16]]:
        """The same 20 ms at several rates, on their way to this level."""
        before = self._now
        target = LOW if low else 1.0
        step = (1.0 - LOW) / _RAMP_FRAMES
        after = max(target, before - step) if low else min(target, before + step)
        self._now = after
        if before == after == 1.0:
            return list(frames)
        return [
            (frame * np.linspace(before, after, len(frame), dtype=np.float32)).astype(np.int16)
            for frame in frames
        ]
