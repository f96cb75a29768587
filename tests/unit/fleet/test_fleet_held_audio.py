"""Audio waits until it is known who hears it, and keeps its times."""

import numpy as np

from agent_fleet.frames import Frame
from agent_fleet.held_audio import HeldAudio
from agent_fleet.track_input import TrackInput

PIECE = np.arange(1_600, dtype=np.int16).tobytes()  # 100 ms


class Clocks:
    """A wall clock and a monotonic one that go together."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def wall(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return (self.ms - 400_000) / 1000


def held(clocks: Clocks, keep_s: float = 10.0) -> HeldAudio:
    return HeldAudio(keep_s, clock=clocks.wall, monotonic=clocks.monotonic)


def taking(clocks: Clocks) -> tuple[TrackInput, list[Frame]]:
    frames: list[Frame] = []
    return TrackInput([frames.append], clock=clocks.wall, monotonic=clocks.monotonic), frames


def arrive(clocks: Clocks, audio: HeldAudio, pieces: int) -> None:
    for _ in range(pieces):
        clocks.ms += 100
        audio.receive(PIECE)


def test_what_waited_keeps_the_times_at_which_it_came() -> None:
    clocks = Clocks()
    audio = held(clocks)
    begun = clocks.ms
    arrive(clocks, audio, 30)
    clocks.ms += 40
    given, frames = taking(clocks)
    audio.give_to(given.receive)
    assert given.started_ms == begun
    arrive(clocks, audio, 5)
    assert [frame.position for frame in frames] == [1_600 * n for n in range(35)]
    assert not given.gaps


def test_only_what_ends_after_a_time_is_given() -> None:
    clocks = Clocks()
    audio = held(clocks)
    begun = clocks.ms
    arrive(clocks, audio, 30)
    given, frames = taking(clocks)
    audio.give_to(given.receive, begun + 2_050)
    assert given.started_ms == begun + 2_000
    assert len(frames) == 10


def test_only_the_last_seconds_are_kept() -> None:
    clocks = Clocks()
    audio = held(clocks, keep_s=2.0)
    arrive(clocks, audio, 100)
    assert audio.since_ms == clocks.ms - 2_000


def test_a_hole_in_what_waited_stays_a_hole() -> None:
    clocks = Clocks()
    audio = held(clocks)
    arrive(clocks, audio, 5)
    clocks.ms += 1_000
    arrive(clocks, audio, 5)
    given, frames = taking(clocks)
    audio.give_to(given.receive)
    assert frames[5].position - frames[4].end == 16_000
    assert [gap.end_ms - gap.start_ms for gap in given.gaps] == [1_000]
