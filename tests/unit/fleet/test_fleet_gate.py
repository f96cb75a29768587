"""The gate: nothing of speech is lost, and silence does not pass."""

from itertools import pairwise

import numpy as np
import pytest

from agent_fleet.frames import to_ms, to_samples
from agent_fleet.gate import SpeechGate
from tests.unit.fleet.conftest import frames, quiet, speech


def _passed_ms(gate: SpeechGate, samples: np.ndarray) -> int:
    return to_ms(sum(f.samples for frame in frames(samples) for f in gate.pass_through(frame)))


def test_silence_does_not_pass() -> None:
    assert _passed_ms(SpeechGate(), quiet(10)) == 0


@pytest.mark.parametrize("rms", [20, 40, 60])
def test_room_noise_does_not_pass(rms: int) -> None:
    assert _passed_ms(SpeechGate(), quiet(20, rms)) < 200


@pytest.mark.parametrize("rms", [200, 400])
def test_steady_loud_noise_stops_passing(rms: int) -> None:
    gate = SpeechGate()
    _passed_ms(gate, quiet(10, rms))
    assert _passed_ms(gate, quiet(20, rms, seed=1)) < 2_000


def test_speech_passes_whole_with_what_came_before_it() -> None:
    said = speech("can you review the budget")
    samples = np.concatenate([quiet(2, 30), said, quiet(2, 30, 1)])
    gate = SpeechGate(preroll_ms=300, hangover_ms=420)
    passed = [f for frame in frames(samples) for f in gate.pass_through(frame)]
    assert passed[0].position <= to_samples(2_000 - 200)
    assert passed[-1].end >= to_samples(2_000) + len(said)
    assert all(a.end == b.position for a, b in pairwise(passed))
    assert not gate.open


def test_it_closes_after_the_hangover_and_not_before() -> None:
    gate = SpeechGate(hangover_ms=420)
    said = speech("the report is ready")
    for frame in frames(said):
        gate.pass_through(frame)
    assert gate.open
    open_frames = 0
    for frame in frames(quiet(2)):
        gate.pass_through(frame)
        open_frames += gate.open
    assert 240 <= open_frames * 60 <= 480


def test_what_is_forgotten_does_not_join_on() -> None:
    gate = SpeechGate()
    for frame in frames(quiet(1)):
        gate.pass_through(frame)
    gate.forget()
    first = next(
        passed for frame in frames(speech("hello")) if (passed := gate.pass_through(frame))
    )
    assert all(f.position < to_samples(1_000) for f in first)
    assert to_ms(sum(f.samples for f in first)) <= 400


@pytest.mark.parametrize("ms", [10, 20, 80, 100])
def test_frames_of_any_length_open_it(ms: int) -> None:
    gate = SpeechGate()
    samples = np.concatenate([quiet(1, 30), speech("can you review the budget"), quiet(2, 30, 1)])
    passed = [f for frame in frames(samples, ms=ms) for f in gate.pass_through(frame)]
    assert to_ms(passed[0].position) < 1_000
    assert not gate.open
