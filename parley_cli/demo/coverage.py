"""Whether what was spoken is in the recordings, at its time: by the manifest and by the sound."""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from parley.audio.resample import resample, to_float32
from parley.domain.track import Recording
from parley_cli.demo.stay import PlacedLine

STEP_MS = 20
SPEECH_DB = 30.0
"""A step of the source is speech when it is at most so far below the line's loudest step."""
HEARD_DB = 12.0
"""A step is heard when the recording is at most so far below the source there."""
STRETCH = 2
"""By how many steps the recording may be stretched within a line, either way."""
SEARCH_MS = 400
"""How far the recording's clock may be off before nothing is found any more."""


@dataclass(frozen=True)
class Coverage:
    """Seconds of one line that were spoken and that its recording holds, and the shift found."""

    spoken_s: float
    recorded_s: float
    shift_ms: int


def covered_ms(start_ms: int, end_ms: int, recording: Recording) -> int:
    """How much of a stretch the recording covers by its manifest: its span without its gaps."""
    first, last = max(start_ms, recording.started_ms), min(end_ms, recording.ended_ms)
    gaps = sum(_overlap(first, last, gap.start_ms, gap.end_ms) for gap in recording.gaps)
    return max(0, last - first) - gaps


def line_coverage(
    line: PlacedLine,
    begun_ms: int,
    recording: Recording,
    audio: NDArray[np.int16] | NDArray[np.float32],
    sample_rate: int,
) -> Coverage:
    """Look for a spoken line in its track's recording.

    Args:
        line: the line as it was rendered.
        begun_ms: when its first sample was spoken, in ms since the epoch.
        recording: the track's manifest.
        audio: the decoded recording: mono, shape (n,), loudness as in int16; sample 0 is at its
            `started_ms`.
        sample_rate: of `audio`, in Hz.

    Returns:
        How long the line is, how much of it is heard, and by how much later the recording has it.
    """
    samples = resample(to_float32(line.samples), line.sample_rate, sample_rate) * 32768
    source = _loudness(samples, sample_rate)
    spoken = source > source.max() - SPEECH_DB
    steps = SEARCH_MS // STEP_MS
    first = (begun_ms - recording.started_ms) // STEP_MS - steps
    whole = _loudness(audio, sample_rate)
    window = np.full(len(source) + 2 * steps, -20.0)
    lo, hi = max(first, 0), min(first + len(window), len(whole))
    if hi > lo:
        window[lo - first : hi - first] = whole[lo:hi]
    shift = max(range(2 * steps + 1), key=lambda s: _likeness(source, window[s : s + len(source)]))
    # The receiver's jitter buffer stretches speech by some steps to stay in time.
    nearby = sliding_window_view(np.pad(window, STRETCH, mode="edge"), 2 * STRETCH + 1)
    loudest = nearby.max(axis=1)
    heard = loudest[shift : shift + len(source)] > source - HEARD_DB
    share = float(heard[spoken].mean())
    spoken_s = line.duration_ms / 1000
    manifest_s = covered_ms(begun_ms, begun_ms + line.duration_ms, recording) / 1000
    return Coverage(spoken_s, min(spoken_s * share, manifest_s), (shift - steps) * STEP_MS)


def _likeness(source: NDArray[np.float64], part: NDArray[np.float64]) -> float:
    if part.std() == 0:
        return -1.0
    return float(np.corrcoef(source, part)[0, 1])


def _loudness(samples: NDArray[np.int16] | NDArray[np.float32], rate: int) -> NDArray[np.float64]:
    """Loudness of each step in dB (of one count of 32768), floored at -20."""
    step = rate * STEP_MS // 1000
    usable = len(samples) // step * step
    blocks = np.asarray(samples[:usable], dtype=np.float64).reshape(-1, step)
    rms: NDArray[np.float64] = np.sqrt((blocks**2).mean(axis=1))
    return 20.0 * np.log10(np.maximum(rms, 0.1))


def _overlap(a_start: int, a_end: int, b_start: int, b_end: int) -> int:
    return max(0, min(a_end, b_end) - max(a_start, b_start))
