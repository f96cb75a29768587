"""Whisper hears what is said, and nothing where nothing is."""

from pathlib import Path

import numpy as np
import pytest

from parley.audio.ogg import decode
from parley.errors import ModelError
from parley.transcribe import WhisperTranscriber
from tests.integration.whisper_job.conftest import SPEECH

CUT_OFF = SPEECH.with_name("cut_off.ogg")


def plain(text: str) -> str:
    return " ".join("".join(c for c in text.lower() if c.isalpha() or c == " ").split())


def test_words_and_times(whisper: WhisperTranscriber) -> None:
    first, *_, last = heard = whisper.transcribe(decode(SPEECH, 16_000))
    assert plain(" ".join(u.text for u in heard)) == (
        "good morning everyone i will send the report to anna by friday "
        "can you check the budget before the next meeting"
    )
    assert 300 <= first.words[0].start_ms <= 700
    assert 7_000 <= last.words[0].start_ms <= 7_700
    assert 9_000 <= last.words[-1].end_ms <= 10_202
    for utterance in heard:
        times = [t for w in utterance.words for t in (w.start_ms, w.end_ms)]
        assert times == sorted(times)
        assert all(0.0 <= w.probability <= 1.0 for w in utterance.words)


def test_speech_that_is_cut_off_is_heard_all_the_same(whisper: WhisperTranscriber) -> None:
    heard = " ".join(u.text for u in whisper.transcribe(decode(CUT_OFF, 16_000)))
    assert "budget for the next meeting good morning everyone" in plain(heard)


@pytest.mark.parametrize("loudness", [0.0, 0.002, 0.05])
def test_silence_and_noise_are_no_words(whisper: WhisperTranscriber, loudness: float) -> None:
    noise = np.random.default_rng(7).standard_normal(30 * 16_000).astype(np.float32)
    assert whisper.transcribe(noise * loudness) == []


def test_no_samples_are_no_words(whisper: WhisperTranscriber) -> None:
    assert whisper.transcribe(np.zeros(0, np.float32)) == []


def test_a_wrong_model_folder_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as wrong:
        WhisperTranscriber.load(tmp_path)
    message = str(wrong.value)
    assert message.startswith(f"Whisper's model can't be loaded from {tmp_path}")
    assert "PARLEY_WHISPER_MODEL" in message
    assert "\n" not in message


def test_an_unknown_model_name_says_what_there_is() -> None:
    with pytest.raises(ModelError, match="no model or model folder called giant"):
        WhisperTranscriber.load("giant.xx")
