"""Position is time: holes in what arrives are noticed, a late burst is not taken for one."""

from agent_fleet.frames import Frame, to_samples
from agent_fleet.track_input import TrackInput
from parley.domain.track import Gap

PIECE_MS = 100
PIECE = bytes(2 * to_samples(PIECE_MS))
OPUS = ((b"", to_samples(PIECE_MS)),)


class _Track:
    def __init__(self) -> None:
        self.now = 50.0
        self.frames: list[Frame] = []
        self.input = TrackInput(
            [self.frames.append], clock=lambda: 1_000_000, monotonic=lambda: self.now
        )

    def arrive(self, pieces: int, every_ms: float = PIECE_MS) -> None:
        for _ in range(pieces):
            self.now += every_ms / 1000
            self.input.receive(PIECE)


def test_time_begins_with_the_first_frames_first_sample() -> None:
    track = _Track()
    track.arrive(3)
    assert track.input.started_ms == 1_000_000 - PIECE_MS
    assert [f.position for f in track.frames] == [0, 1_600, 3_200]
    assert track.input.gaps == []


def test_a_pause_is_a_gap_and_later_audio_keeps_its_time() -> None:
    track = _Track()
    track.arrive(10)
    track.now += 2.0
    track.arrive(1)
    assert track.frames[-1].position == to_samples(3_000)
    assert track.input.gaps == [Gap(start_ms=1_000_900, end_ms=1_002_900)]


def test_a_pause_while_muted_is_no_gap() -> None:
    track = _Track()
    track.arrive(10)
    track.input.muted = True
    track.now += 2.0
    track.arrive(1)
    assert track.frames[-1].position == to_samples(3_000)
    assert track.input.gaps == []


def test_short_pauses_and_jitter_are_none() -> None:
    track = _Track()
    track.arrive(5)
    track.now += 0.3
    track.arrive(3, every_ms=0)
    track.arrive(5, every_ms=90)
    track.arrive(5, every_ms=110)
    assert track.input.gaps == []
    assert [f.position for f in track.frames] == [i * 1_600 for i in range(18)]


def test_received_and_expected_show_what_was_lost() -> None:
    track = _Track()
    assert track.input.expected() == 0
    track.arrive(10)
    track.now += 1.0
    track.arrive(10)
    assert track.input.received == to_samples(2_000)
    assert track.input.expected() == to_samples(3_000)


def test_who_takes_packets_says_what_is_missing_and_a_pause_says_nothing() -> None:
    track = _Track()
    track.arrive(10)
    track.now += 2.0
    track.input.receive(PIECE, OPUS)
    assert track.frames[-1].position == to_samples(1_000)
    track.input.receive(PIECE, OPUS, to_samples(600))
    assert track.frames[-1].position == to_samples(1_700)
    track.input.receive(PIECE, OPUS, to_samples(100))  # too little to tell
    assert track.frames[-1].position == to_samples(1_900)
    assert track.input.gaps == [Gap(start_ms=1_001_000, end_ms=1_001_600)]


def test_what_is_missing_before_the_first_audio_is_not() -> None:
    track = _Track()
    track.input.receive(PIECE, OPUS, to_samples(600))
    assert track.frames[0].position == 0
    assert track.input.gaps == []
