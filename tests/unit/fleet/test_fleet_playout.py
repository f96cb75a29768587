"""A track's packets become sound that is as long as time is."""

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from agent_fleet.frames import to_ms
from agent_fleet.subscriber.playout import Packet, Playout, Sound
from tests.unit.fleet.opus_packets import FRAME, loudness, packets, tone

SPEECH = packets(tone(4.0))
ROOM = packets((np.random.default_rng(1).standard_normal(4 * 48_000) * 30).astype(np.int16))
WRAP = 1 << 32


class Player:
    """A playout with a clock; keeps what came out."""

    def __init__(self) -> None:
        self.playout = Playout(quiet_rms=100.0)
        self.now = 100.0
        self.heard: list[Sound] = []

    def send(self, sent: list[Packet], *, passes_ms: int | None = None) -> None:
        """Packets come together, after the time that they take unless it is said."""
        self.now += (20 * len(sent) if passes_ms is None else passes_ms) / 1000
        self.heard.extend(self.playout.take(sent, self.now))

    def wait(self, ms: int, *, piece_ms: int = 120) -> None:
        """Nothing comes for so long."""
        for _ in range(ms // 20):
            self.now += 0.02
            self.heard.extend(self.playout.tick(self.now, piece_ms))

    @property
    def ms(self) -> int:
        """How long what came out is."""
        return to_ms(sum(sound.samples for sound in self.heard))

    @property
    def missing_ms(self) -> int:
        """How much was said to be missing."""
        return to_ms(sum(sound.missing for sound in self.heard))

    @property
    def passed_ms(self) -> float:
        """How much time passed since the first packet."""
        return (self.now - 100.0) * 1000


def test_packets_one_after_the_other_are_their_sound() -> None:
    player = Player()
    for at in range(0, 60, 6):
        player.send(SPEECH[at : at + 6])
    assert player.ms == 1_200
    assert [packet for sound in player.heard for packet, _ in sound.opus] == [
        packet for _, packet in SPEECH[:60]
    ]
    assert player.playout.concealed == 0


def test_a_lost_packet_is_bridged_in_its_place() -> None:
    player = Player()
    player.send(SPEECH[:6])
    player.send([*SPEECH[6:8], *SPEECH[9:12]], passes_ms=120)
    assert player.ms == 240
    assert player.heard[1].opus[2] == (b"", 320)
    assert to_ms(player.playout.concealed) == 20
    assert loudness(player.heard[1].pcm[1_280:1_920]) > 1_000


def test_what_comes_too_late_or_twice_is_left_out() -> None:
    player = Player()
    player.send(SPEECH[:6])
    player.send([SPEECH[4], *SPEECH[6:11]], passes_ms=120)
    player.send([SPEECH[10]])
    assert player.ms == 220
    assert len(player.heard) == 2


def test_time_goes_on_while_somebody_is_muted() -> None:
    player = Player()
    player.send(SPEECH[:6])
    player.wait(3_000)
    assert player.ms == pytest.approx(3_000, abs=240)
    assert player.heard[-1].opus == ((b"", 960),)
    assert loudness(player.heard[-1].pcm) == 0
    # The sender's clock may have gone on, or stood still.
    player.send([(6 * FRAME + 3_000 * 48, SPEECH[6][1])])
    assert player.ms == pytest.approx(3_140, abs=30)
    player.wait(1_000)
    player.send([(7 * FRAME + 3_000 * 48, SPEECH[7][1])])
    assert player.ms == pytest.approx(4_160, abs=80)


def test_after_silence_time_goes_on_at_once_and_in_a_word_it_waits_for_the_network() -> None:
    silent, speaking = Player(), Player()
    silent.send(ROOM[:12])
    speaking.send(SPEECH[:12])
    for player in (silent, speaking):
        player.wait(260)
    assert silent.ms >= 240 + 180
    assert speaking.ms == 240
    speaking.send(SPEECH[12:24], passes_ms=0)
    assert speaking.ms == 480
    assert speaking.playout.concealed == 0


def test_where_little_comes_at_a_time_silence_is_known_sooner() -> None:
    little, much = Player(), Player()
    for player, piece_ms in ((little, 60), (much, 120)):
        player.send(ROOM[:12])
        player.wait(140, piece_ms=piece_ms)
    assert (little.ms, much.ms) == (300, 240)


def test_a_sender_that_is_silent_by_itself_sends_little_and_time_goes_on() -> None:
    player = Player()
    player.send(SPEECH[:6])
    for at in range(5):  # a packet each 400 ms
        player.wait(300)
        player.send([(6 * FRAME + at * 20 * FRAME, ROOM[at][1])], passes_ms=100)
    assert player.ms == pytest.approx(120 + 2_000, abs=400)


def test_what_was_held_up_is_heard_whole_and_silence_makes_up_for_it() -> None:
    player = Player()
    for at in range(0, 12, 6):
        player.send(SPEECH[at : at + 6])
    player.wait(1_200)
    player.send(SPEECH[12:72], passes_ms=0)  # all that was said meanwhile, at once
    assert sum(bool(packet) for sound in player.heard for packet, _ in sound.opus) == 72
    late_ms = player.ms - 240 - 1_200
    assert 900 < late_ms <= 1_200
    for at in range(72, 168, 6):
        timestamp = at * FRAME
        player.send([(timestamp + k * FRAME, ROOM[at + k][1]) for k in range(6)])
    assert to_ms(player.playout.left_out) >= late_ms - 250
    assert player.ms - player.passed_ms <= 250


def test_timestamps_wrap() -> None:
    player = Player()
    begin = WRAP - 3 * FRAME
    player.send([((begin + at * FRAME) % WRAP, SPEECH[at][1]) for at in range(6)])
    player.send([((begin + at * FRAME) % WRAP, SPEECH[at][1]) for at in range(6, 12)])
    assert player.ms == 240
    assert player.playout.concealed == 0


def test_a_senders_new_clock_is_followed() -> None:
    player = Player()
    player.send(SPEECH[:6])
    player.send([(2_000_000_000 + at * FRAME, SPEECH[at][1]) for at in range(6)])
    player.send([(2_000_000_000 + at * FRAME, SPEECH[at][1]) for at in range(6, 12)])
    assert player.ms == 360


def test_a_jump_of_timestamps_without_time_is_no_silence() -> None:
    player = Player()
    player.send(SPEECH[:6])
    player.send([(timestamp + 5 * 48_000, packet) for timestamp, packet in SPEECH[6:12]])
    assert player.ms <= 240 + 320


def test_what_is_no_opus_is_a_hole() -> None:
    player = Player()
    player.send(SPEECH[:3])
    player.send([(3 * FRAME, b""), (4 * FRAME, SPEECH[4][1])])
    assert player.ms == 100
    assert player.heard[1].opus == ((b"", 320), (SPEECH[4][1], 320))


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 6),  # packets of a batch that are lost
            st.integers(-60, 60),  # by how much it comes early or late, in ms
            st.booleans(),  # whether nothing comes for a second before it
        ),
        min_size=1,
        max_size=16,
    )
)
def test_whatever_is_lost_or_late_what_comes_out_is_as_long_as_time(
    batches: list[tuple[int, int, bool]],
) -> None:
    player = Player()
    player.send(SPEECH[:6])
    at, due = 6, player.now
    for lost, jitter_ms, pause in batches:
        if pause:
            player.wait(1_000)
            at, due = at + 50, due + 1.0
        due += 0.12
        now = max(player.now, due + jitter_ms / 1000)
        sent = [((at + k) * FRAME, SPEECH[(at + k) % len(SPEECH)][1]) for k in range(lost, 6)]
        player.send(sent, passes_ms=round((now - player.now) * 1000))
        at += 6
    player.wait(1_000)
    took_ms = (player.now - 100.0) * 1000
    assert took_ms - 500 < player.ms < took_ms + 500


@pytest.mark.parametrize("dead_ms", [200, 600, 1_000, 1_800, 5_000])
def test_what_nobody_heard_is_missing_once_and_time_is_kept(dead_ms: int) -> None:
    player = Player()
    for at in range(0, 24, 6):
        player.send(SPEECH[at : at + 6])
    player.playout.leave()
    player.wait(dead_ms)  # the process is started again and not in the room yet
    player.playout.enter(player.now)
    player.wait(300)
    begin = 24 + (dead_ms + 300) // 20
    for at in range(begin, begin + 48, 6):
        player.send([((at + k) * FRAME, SPEECH[k][1]) for k in range(6)])
    assert player.missing_ms == pytest.approx(dead_ms + 300, abs=20)
    assert [sound.missing > 0 for sound in player.heard].count(True) == 1
    assert player.ms + player.missing_ms == pytest.approx(player.passed_ms, abs=20)
    assert player.playout.concealed == 0


def test_who_comes_back_to_silence_hears_silence() -> None:
    player = Player()
    player.send(SPEECH[:6])
    player.playout.leave()
    player.wait(2_000)
    assert player.ms == 120
    player.playout.enter(player.now)
    player.wait(3_000)
    assert player.ms + player.missing_ms == pytest.approx(player.passed_ms, abs=150)
    assert player.missing_ms == pytest.approx(3_000, abs=150)


def test_a_long_loss_is_missing_and_what_was_before_it_is_not() -> None:
    player = Player()
    player.send(SPEECH[:6])
    # The subscriber stood still for a second, which the network lost.
    late = [((at + 50) * FRAME, SPEECH[at][1]) for at in range(9, 12)]
    player.send([*SPEECH[6:9], *late], passes_ms=1_120)
    assert [sound.samples for sound in player.heard] == [1_920, 960, 960]
    assert [to_ms(sound.missing) for sound in player.heard] == [0, 0, 1_000]
    assert player.playout.concealed == 0
