"""The committed model hears, in the genuine recogniser, what espeak-ng says."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from agent_fleet.vosk_recogniser import RecognisedUtterance, RecognisedWord, VoskModel
from bench.model_speech import MODEL, espeak

RATE = 16_000


@cache
def model() -> VoskModel:
    return VoskModel(MODEL)


def hear(samples: np.ndarray) -> list[RecognisedWord]:
    recogniser = model().recogniser(RATE)
    found: list[RecognisedUtterance] = []
    for start in range(0, len(samples), 1_600):
        ended = recogniser.accept(samples[start : start + 1_600].tobytes())
        if ended:
            found.append(ended)
    found.append(recogniser.finish())
    return [word for utterance in found for word in utterance.words]


@pytest.mark.parametrize(
    "sentence",
    [
        "alice will send the report by friday",
        "we need to check the budget",
        "please review the contract before the meeting",
    ],
)
def test_a_sentence_is_heard_word_for_word(sentence: str) -> None:
    heard = hear(np.pad(espeak("en-us", sentence), (3_200, 8_000)))
    assert " ".join(word.text for word in heard) == sentence


def test_words_have_their_times_within_the_speech() -> None:
    speech = espeak("en-us", "alice will send the report by friday")
    words = hear(np.pad(speech, (16_000, 16_000)))
    loud = np.flatnonzero(np.abs(speech) > 500) / RATE + 1.0
    assert words[0].start_s == pytest.approx(loud[0], abs=0.25)
    assert words[-1].end_s == pytest.approx(loud[-1], abs=0.35)
    for word, following in pairwise(words):
        assert word.start_s < word.end_s <= following.start_s + 0.001


def test_a_pause_is_no_part_of_the_words_around_it() -> None:
    first, second = espeak("en-us", "thank you alice"), espeak("en-us", "we agree")
    words = hear(
        np.concatenate([first, np.zeros(6_400, np.int16), second, np.zeros(8_000, np.int16)])
    )
    gaps = [b.start_s - a.end_s for a, b in pairwise(words)]
    assert max(gaps) > 0.25


@pytest.mark.parametrize("level", [0, 30, 300])
def test_silence_and_noise_have_no_words(level: int) -> None:
    noise = np.random.default_rng(3).standard_normal(10 * RATE) * level
    assert hear(noise.astype(np.int16)) == []


def test_hearing_twice_gives_the_same_words() -> None:
    speech = espeak("en-gb", "let us start the meeting")
    assert hear(speech) == hear(speech)
