"""Long recordings in parts: samples are read as they come and cut where nobody speaks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from faster_whisper.vad import VadOptions, get_speech_timestamps
from numpy.typing import NDArray

from parley.transcribe.engine import SAMPLE_RATE

PART_SECONDS = 600
SEARCH_SECONDS = 120


@dataclass(frozen=True)
class Part:
    """A stretch of a recording.

    Attributes:
        start: position of its first sample, at 16 kHz.
        samples: float32, shape (n,).
        last: whether the recording ends with it.
    """

    start: int
    samples: NDArray[np.float32]
    last: bool

    @property
    def end(self) -> int:
        """Position after its last sample."""
        return self.start + len(self.samples)


def cut_into_parts(
    pieces: Iterable[NDArray[np.float32]],
    *,
    start: int = 0,
    part_seconds: float = PART_SECONDS,
    search_seconds: float = SEARCH_SECONDS,
) -> Iterator[Part]:
    """Cut 16-kHz audio into parts that end in silence; the same audio gives the same parts.

    Never holds more than one part and one piece in memory.

    Args:
        pieces: the audio from its beginning.
        start: position to begin at: an earlier part's `end`. What lies before is skipped.
        part_seconds: longest part, in seconds.
        search_seconds: how much of a part's end is searched for the longest silence, in seconds.

    Yields:
        The parts from `start` on; the last one (which may be the only one) says so.
    """
    limit = int(part_seconds * SAMPLE_RATE)
    search = int(search_seconds * SAMPLE_RATE)
    skip, position = start, start
    held: list[NDArray[np.float32]] = []
    length = 0
    for piece in pieces:
        kept = piece[skip:] if skip else piece
        skip = max(0, skip - len(piece))
        if len(kept) == 0:
            continue
        held.append(kept)
        length += len(kept)
        while length > limit:
            joined = np.concatenate(held)
            cut = limit - search + quietest_point(joined[limit - search : limit])
            yield Part(position, joined[:cut], last=False)
            position += cut
            held, length = [joined[cut:]], length - cut
    yield Part(position, np.concatenate(held) if held else np.zeros(0, np.float32), last=True)


def quietest_point(samples: NDArray[np.float32]) -> int:
    """The middle of the longest stretch without speech; without one, of the quietest 0.2 s.

    Args:
        samples: 16-kHz audio, float32, shape (n,), n of at least 0.2 s.

    Returns:
        A position in it, at least 1.
    """
    options = VadOptions(min_silence_duration_ms=200, speech_pad_ms=0)
    speech = get_speech_timestamps(samples, options)
    bounds = [0, *(edge for s in speech for edge in (s["start"], s["end"])), len(samples)]
    gaps = [(end - begin, begin) for begin, end in zip(bounds[::2], bounds[1::2], strict=True)]
    longest, begin = max(gaps)
    if longest > SAMPLE_RATE // 5:
        return max(1, int(begin + longest // 2))
    window = SAMPLE_RATE // 5
    total = np.concatenate([[0.0], np.cumsum(samples.astype(np.float64) ** 2)])
    energy = total[window:] - total[:-window]
    return max(1, int(energy.argmin()) + window // 2)
