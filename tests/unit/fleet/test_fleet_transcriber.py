"""Gate, recogniser and timeline together, on real speech with the real recogniser."""

from itertools import pairwise

import numpy as np
import pytest

from agent_fleet.frames import Frame, to_ms, to_samples
from agent_fleet.gate import SpeechGate
from agent_fleet.heard import Heard
from agent_fleet.transcriber import Transcriber
from agent_fleet.vosk_recogniser import RecognisedUtterance, RecognisedWord, VoskModel
from tests.unit.fleet.conftest import frames, quiet, speech

FIRST, SECOND = "can you review the budget", "the report is ready"


def _hear(transcriber: Transcriber, given: list[Frame], join: int = 1) -> list[Heard]:
    heard: list[Heard] = []
    for at in range(0, len(given), join):
        heard += transcriber.feed(given[at : at + join])
    return [*heard, *transcriber.close()]


def _finals(heard: list[Heard]) -> list[Heard]:
    return [h for h in heard if h.final]


@pytest.mark.parametrize("join", [1, 2, 4])
def test_two_sentences_with_silence_between(model: VoskModel, join: int) -> None:
    first, second = speech(FIRST), speech(SECOND)
    samples = np.concatenate([quiet(1, 30), first, quiet(10, 30, 1), second, quiet(1, 30, 2)])
    heard = _hear(Transcriber(model.recogniser(16_000), SpeechGate()), frames(samples), join)
    finals = _finals(heard)
    assert [f.text for f in finals] == [FIRST, SECOND]
    second_at = 1_000 + to_ms(len(first)) + 10_000
    assert abs(to_ms(finals[0].start) - 1_000) < 250
    assert abs(to_ms(finals[0].end) - 1_000 - to_ms(len(first))) < 250
    assert abs(to_ms(finals[1].start) - second_at) < 250
    assert abs(to_ms(finals[1].end) - second_at - to_ms(len(second))) < 250
    for final in finals:
        assert [w.text for w in final.words] == final.text.split()
        assert all(a.end <= b.start + 1 for a, b in pairwise(final.words))


def test_partials_grow_and_precede_their_final(model: VoskModel) -> None:
    samples = np.concatenate([quiet(1, 30), speech(FIRST), quiet(2, 30, 1)])
    heard = _hear(Transcriber(model.recogniser(16_000), SpeechGate()), frames(samples))
    partials = [h for h in heard if not h.final]
    assert len(partials) >= 3
    assert heard[-1].final
    assert len(partials[0].text) < len(partials[-1].text)


def test_silence_says_nothing_and_noise_takes_back_what_it_said(model: VoskModel) -> None:
    transcriber = Transcriber(model.recogniser(16_000), SpeechGate())
    assert _hear(transcriber, frames(quiet(8, 50))) == []


def test_speech_at_the_very_first_and_last_sample_is_heard(model: VoskModel) -> None:
    heard = _hear(Transcriber(model.recogniser(16_000), SpeechGate()), frames(speech(FIRST)))
    assert [f.text for f in _finals(heard)] == [FIRST]


def test_gated_words_equal_those_of_the_bare_recogniser(model: VoskModel) -> None:
    """Quiet starts and ends too: the gate must not clip what the recogniser would hear."""
    parts = [quiet(1.5, 30)]
    for number, text in enumerate([FIRST, SECOND, "thank you for the update", "see you tomorrow"]):
        said = speech(text).astype(np.float32)
        fade = np.minimum(1, np.linspace(0.15, 8, len(said)))
        said *= fade * fade[::-1] * (0.3 + 0.2 * number)
        parts += [said.astype(np.int16), quiet(1.5, 30, number + 1)]
    samples = np.concatenate(parts)
    samples = samples + quiet(len(samples) / 16_000, 30, 99)[: len(samples)]
    gated = _hear(Transcriber(model.recogniser(16_000), SpeechGate()), frames(samples))
    bare = _hear(Transcriber(model.recogniser(16_000), None), frames(samples))
    assert " ".join(f.text for f in _finals(gated)) == " ".join(f.text for f in _finals(bare))


def test_a_hole_in_the_audio_ends_the_utterance_and_moves_later_times(model: VoskModel) -> None:
    first, second = speech(FIRST), speech(SECOND)
    hole = to_samples(20_000)
    given = [*frames(first), *frames(second, start=len(first) + hole)]
    finals = _finals(_hear(Transcriber(model.recogniser(16_000), SpeechGate()), given))
    assert [f.text for f in finals] == [FIRST, SECOND]
    assert finals[0].end <= len(first) + to_samples(100)
    assert abs(finals[1].start - len(first) - hole) < to_samples(300)


class _Babbler:
    """A recogniser that never comes to an end by itself."""

    def __init__(self) -> None:
        self.finished = 0
        self.samples = 0

    def accept(self, pcm: bytes) -> RecognisedUtterance | None:
        self.samples += len(pcm) // 2
        return None

    def partial(self) -> str:
        return "on and on"

    def finish(self) -> RecognisedUtterance:
        self.finished += 1
        end = self.samples / 16_000
        return RecognisedUtterance("on and on", (RecognisedWord("on", end - 1, end, 1.0),))


def test_an_utterance_without_end_is_ended() -> None:
    babbler = _Babbler()
    heard = _hear(Transcriber(babbler, None), frames(quiet(70)))
    assert babbler.finished == 3  # at 30 s, at 60 s and at the end
    assert [to_ms(f.end) // 1000 for f in _finals(heard)] == [30, 60, 70]


class _Mistaken(_Babbler):
    """Shows words that it takes back in the end."""

    def finish(self) -> RecognisedUtterance:
        return RecognisedUtterance("", ())


def test_words_that_were_shown_and_come_to_nothing_are_taken_back() -> None:
    heard = _hear(Transcriber(_Mistaken(), None), frames(quiet(0.5)))
    assert [(h.final, h.text) for h in heard] == [(False, "on and on"), (True, "")]
