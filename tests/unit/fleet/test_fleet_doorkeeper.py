"""The doorkeeper: speech passes at once, silence in pieces of a second, nothing is lost."""

from collections.abc import Sequence

import numpy as np

from agent_fleet.doorkeeper import Doorkeeper
from agent_fleet.frames import Frame, to_samples
from agent_fleet.loudness import window_rms
from tests.unit.fleet.conftest import quiet

_PIECE = to_samples(80)


def _frames(samples: np.ndarray, position: int = 0) -> list[Frame]:
    pieces = [samples[at : at + _PIECE].tobytes() for at in range(0, len(samples), _PIECE)]
    return [
        Frame(position + number * _PIECE, pcm, window_rms(pcm)) for number, pcm in enumerate(pieces)
    ]


def _pass(frames: Sequence[Frame], *, flush: bool = True) -> list[Frame]:
    passed: list[Frame] = []
    door = Doorkeeper(passed.append, loud_rms=100.0, hangover_ms=420)
    for frame in frames:
        door.take(frame)
    if flush:
        door.flush()
    return passed


def test_silence_waits_and_passes_in_long_pieces() -> None:
    frames = _frames(quiet(4.0, 30))
    passed = _pass(frames, flush=False)
    assert [frame.samples for frame in passed] == [to_samples(1_040)] * 3
    assert b"".join(f.pcm for f in _pass(frames)) == b"".join(f.pcm for f in frames)


def test_a_long_piece_has_the_loudness_of_its_parts() -> None:
    frames = _frames(quiet(1.04, 30))
    (passed,) = _pass(frames)
    assert passed.rms is not None
    assert passed.rms.tolist() == window_rms(passed.pcm).tolist()


def test_what_is_loud_and_what_follows_passes_at_once_after_what_waited() -> None:
    silent, loud = _frames(quiet(0.4, 30)), _frames(quiet(0.08, 900), to_samples(400))
    after = _frames(quiet(2.0, 30, 1), to_samples(480))
    passed = _pass([*silent, *loud, *after], flush=False)
    assert [f.position for f in passed[:2]] == [0, to_samples(400)]
    at_once = [f for f in passed[2:] if f.samples == _PIECE]
    assert to_samples(620 - 80) <= len(at_once) * _PIECE <= to_samples(620 + 80)


def test_audio_on_both_sides_of_a_hole_stays_apart() -> None:
    frames = [*_frames(quiet(0.4, 30)), *_frames(quiet(0.4, 30, 1), to_samples(10_000))]
    assert [f.position for f in _pass(frames)] == [0, to_samples(10_000)]
