"""Who lowers or ends the assistant's voice, and what of a sentence was heard then."""

from itertools import pairwise

import numpy as np
import pytest

from agent_fleet.frames import Frame
from agent_fleet.gate import SpeechGate
from agent_fleet.voice.interruption import Interruption, Mode, Talker, Verdict
from agent_fleet.voice.record import heard_part
from agent_fleet.voice.sound import LOW, Level, Sound
from parley.voice.espeak import Espeak


def talker(voiced_ms: int, sid: str = "TR_a") -> list[Talker]:
    return [Talker(sid, voiced_ms)]


@pytest.mark.parametrize(
    ("mode", "short", "long"),
    [
        ("off", Verdict.GO_ON, Verdict.GO_ON),
        ("duck", Verdict.GO_ON, Verdict.LOWER),
        ("stop", Verdict.GO_ON, Verdict.STOP),
    ],
)
def test_speech_counts_when_it_is_longer_than_a_cough(
    mode: Mode, short: Verdict, long: Verdict
) -> None:
    watching = Interruption(mode, [], least_ms=200)
    assert watching.look(talker(180)) is short
    assert watching.look([]) is Verdict.GO_ON
    assert watching.look(talker(200)) is long
    assert watching.look([]) is Verdict.GO_ON


def test_who_spoke_before_lowers_it_until_they_begin_anew() -> None:
    watching = Interruption("stop", talker(900), least_ms=200)
    assert watching.look(talker(1500)) is Verdict.LOWER
    assert watching.look([*talker(1500), *talker(300, "TR_b")]) is Verdict.STOP
    assert watching.look(talker(0)) is Verdict.GO_ON
    assert watching.look(talker(200)) is Verdict.STOP


def test_what_must_be_heard_is_lowered_only() -> None:
    watching = Interruption("stop", [], least_ms=200, may_stop=False)
    assert watching.look(talker(500)) is Verdict.LOWER


def test_the_gate_counts_speech_and_not_the_pauses_it_bridges() -> None:
    gate = SpeechGate(hangover_ms=420)
    speech = Espeak().render("Can you review the budget?", Espeak().voices()[0], 1.0)
    at_16k = (Sound.of((speech * 20_000).astype(np.int16)).recording).reshape(-1)

    def feed(samples: np.ndarray, position: int) -> int:
        for at in range(0, len(samples) - 319, 320):
            gate.pass_through(Frame(position + at, samples[at : at + 320].tobytes()))
        return position + len(samples)

    loud = int(np.argmax(np.abs(at_16k.astype(np.int32)) > 2000))
    end = feed(at_16k[loud : loud + 1600], 0)  # 100 ms
    assert gate.open
    cough = gate.voiced
    assert 0 < cough <= 1600 + 320
    end = feed(np.zeros(3200, np.int16), end)
    assert gate.open
    assert gate.voiced == pytest.approx(cough, abs=640)
    end = feed(np.zeros(8000, np.int16), end)
    assert (gate.open, gate.voiced) == (False, 0)
    feed(at_16k, end)
    assert gate.voiced > 16 * 600


def test_the_level_moves_in_steps_and_comes_back() -> None:
    level = Level()
    frame = np.full(480, 10_000, np.int16)
    [untouched] = level.applied(False, frame)
    assert untouched is frame
    falling = [level.applied(True, frame)[0] for _ in range(8)]
    assert falling[0][0] == 10_000
    assert falling[-1].tolist() == [int(10_000 * np.float32(LOW))] * 480
    joins = [abs(int(a[-1]) - int(b[0])) for a, b in pairwise(falling)]
    assert max(joins) < 50
    rising = [level.applied(False, frame)[0] for _ in range(8)]
    assert rising[-1][-1] == 10_000


def test_a_sound_is_whole_frames_at_both_rates() -> None:
    sound = Sound.of(np.arange(24_000, dtype=np.int16) // 10)
    assert sound.room.shape == (50, 480)
    assert sound.recording.shape == (50, 320)
    assert Sound.of(np.zeros(481, np.int16)).frames == 2
    assert Sound.silence(200).frames == 10


@pytest.mark.parametrize(
    ("share", "heard"),
    [
        (1.0, "Anna takes the report."),
        (0.9, "Anna takes the"),
        (0.5, "Anna takes"),
        (0.2, "Anna"),
        (0.1, ""),
        (0.0, ""),
    ],
)
def test_only_whole_words_that_were_heard_are_in_the_record(share: float, heard: str) -> None:
    assert heard_part("Anna takes the report.", share) == heard
