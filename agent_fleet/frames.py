"""Audio frames and the bounded queue between where they arrive and the recogniser's thread."""

import queue
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""What the whole pipeline works at, in Hz: mono, int16, little-endian."""
BYTES_PER_SAMPLE = 2


def to_ms(samples: int) -> int:
    """Samples at `SAMPLE_RATE` as whole milliseconds."""
    return samples * 1000 // SAMPLE_RATE


def to_samples(ms: float) -> int:
    """Milliseconds as samples at `SAMPLE_RATE`."""
    return int(ms * SAMPLE_RATE / 1000)


OPUS_STEP = SAMPLE_RATE // 400
"""What Opus's durations are multiples of, in samples: 2.5 ms."""

Opus = tuple[tuple[bytes, int], ...]
"""Sound as it was sent: Opus packets, each with its length in samples at `SAMPLE_RATE`. An empty
packet stands for what was not sent or was lost."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A piece of one track's audio.

    Attributes:
        position: its first sample, counted in samples since the track's first frame.
        pcm: mono int16 samples at `SAMPLE_RATE`.
        rms: its loudness in windows of 20 ms (`loudness.window_rms`), where it was measured.
        opus: the same as it was sent, where it came so.
    """

    position: int
    pcm: bytes
    rms: NDArray[np.float32] | None = field(default=None, compare=False)
    opus: Opus | None = None

    @property
    def samples(self) -> int:
        """How many samples it holds."""
        return len(self.pcm) // BYTES_PER_SAMPLE

    @property
    def end(self) -> int:
        """The position after its last sample."""
        return self.position + self.samples

    @property
    def loudest(self) -> float:
        """The loudest window's RMS; 0 where nothing was measured."""
        return 0.0 if self.rms is None else max(self.rms.tolist(), default=0.0)

    def since(self, position: int) -> "Frame":
        """What of it comes at `position` or later, without its loudness."""
        cut = max(0, position - self.position)
        return Frame(self.position + cut, self.pcm[BYTES_PER_SAMPLE * cut :])


class FrameQueue:
    """Frames from one producer thread to one consumer thread; when full, the oldest goes."""

    def __init__(self, capacity: int) -> None:
        """Hold at most `capacity` frames."""
        self._queue: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._capacity = capacity
        self.dropped = 0

    def __len__(self) -> int:
        """How many frames wait."""
        return self._queue.qsize()

    def put(self, frame: Frame) -> None:
        """Add a frame; never blocks."""
        while self._queue.qsize() >= self._capacity:
            try:
                self._queue.get_nowait()
            except queue.Empty:
                break
            self.dropped += 1
        self._queue.put(frame)

    def close(self) -> None:
        """No more frames come: `take` gives out what waits, then an empty list."""
        self._queue.put(None)

    def take(self, limit: int) -> list[Frame]:
        """Wait for a frame, and take up to `limit` that wait already.

        Returns:
            At least one frame, or an empty list when the queue was closed.
        """
        first = self._queue.get()
        if first is None:
            self._queue.put(None)
            return []
        frames = [first]
        while len(frames) < limit:
            try:
                following = self._queue.get_nowait()
            except queue.Empty:
                break
            if following is None:
                self._queue.put(None)
                break
            frames.append(following)
        return frames
