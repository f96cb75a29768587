"""Whether a spoken line is found in its recording, moved, cut or missing."""

import numpy as np
import pytest
from numpy.typing import NDArray

from parley.domain.track import Gap, Recording
from parley_cli.demo.coverage import covered_ms, line_coverage
from parley_cli.demo.stay import PlacedLine

RATE = 8_000
BEGUN_MS = 100_000


def recording(
    started_ms: int = 98_000, ended_ms: int = 106_000, gaps: tuple[Gap, ...] = ()
) -> Recording:
    """A manifest."""
    return Recording(method="agent", key="k", started_ms=started_ms, ended_ms=ended_ms, gaps=gaps)


@pytest.fixture
def spoken() -> PlacedLine:
    """Two seconds of noise whose loudness changes as speech does."""
    random = np.random.default_rng(1)
    steps = np.repeat(random.uniform(500, 6000, 20), RATE // 10)
    samples = (random.normal(0, 1, 2 * RATE) * steps).clip(-32768, 32767).astype(np.int16)
    return PlacedLine("line", 0, samples, (), RATE)


def heard(spoken: PlacedLine, at_s: float, length_s: float = 8.0) -> NDArray[np.int16]:
    """A recording of quiet noise that holds the line."""
    audio = np.random.default_rng(2).normal(0, 20, int(length_s * RATE)).astype(np.int16)
    first = int(at_s * RATE)
    audio[first : first + len(spoken.samples)] += spoken.samples
    return audio


def test_a_line_at_its_time_is_covered(spoken: PlacedLine) -> None:
    found = line_coverage(spoken, BEGUN_MS, recording(), heard(spoken, 2.0), RATE)
    assert found.spoken_s == 2.0
    assert found.recorded_s == pytest.approx(2.0, abs=0.05)
    assert found.shift_ms == 0


def test_a_shift_of_the_recorders_clock_is_found(spoken: PlacedLine) -> None:
    found = line_coverage(spoken, BEGUN_MS, recording(), heard(spoken, 2.1), RATE)
    assert found.shift_ms == 100
    assert found.recorded_s == pytest.approx(2.0, abs=0.05)


def test_a_hole_in_the_sound_is_missed(spoken: PlacedLine) -> None:
    audio = heard(spoken, 2.0)
    audio[int(2.5 * RATE) : int(3.0 * RATE)] = 0
    found = line_coverage(spoken, BEGUN_MS, recording(), audio, RATE)
    assert found.recorded_s == pytest.approx(1.5, abs=0.1)


def test_a_gap_in_the_manifest_is_missed_whatever_the_sound_says(spoken: PlacedLine) -> None:
    gap = Gap(start_ms=BEGUN_MS + 500, end_ms=BEGUN_MS + 1500)
    found = line_coverage(spoken, BEGUN_MS, recording(gaps=(gap,)), heard(spoken, 2.0), RATE)
    assert found.recorded_s == 1.0


def test_a_recording_without_the_line_covers_nothing(spoken: PlacedLine) -> None:
    audio = np.zeros(8 * RATE, np.int16)
    assert line_coverage(spoken, BEGUN_MS, recording(), audio, RATE).recorded_s == 0


def test_a_recording_that_ended_before_covers_nothing(spoken: PlacedLine) -> None:
    short = recording(ended_ms=99_000)
    found = line_coverage(spoken, BEGUN_MS, short, np.ones(RATE, np.int16), RATE)
    assert found.recorded_s == 0


def test_the_manifest_covers_its_span_without_gaps() -> None:
    gaps = (Gap(start_ms=1_500, end_ms=1_700), Gap(start_ms=5_000, end_ms=6_000))
    manifest = recording(1_000, 4_000, gaps)
    assert covered_ms(0, 2_000, manifest) == 800
    assert covered_ms(3_500, 9_000, manifest) == 500
