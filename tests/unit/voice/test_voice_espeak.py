"""espeak-ng through its library: it speaks, at once, in many voices, from any thread."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pytest
from numpy.typing import NDArray

from parley.voice import SAMPLE_RATE, UnknownVoiceError
from parley.voice.espeak import Espeak

FLUTTER = 0.03
"""How much two renderings of one text may differ in length: a voice's flutter is random."""
TEXT = "Hello everyone. Thank you for the update."


@pytest.fixture
async def espeak() -> AsyncIterator[Espeak]:
    engine = Espeak()
    yield engine
    await engine.aclose()


async def said(
    engine: Espeak, text: str = TEXT, voice: str | None = None, speed: float = 1.0
) -> list[NDArray[np.float32]]:
    return [sound async for sound in engine.stream(text, voice, speed)]


def length(sounds: list[NDArray[np.float32]]) -> int:
    return sum(map(len, sounds))


def pitch(sound: NDArray[np.float32]) -> float:
    """The median pitch in Hz of voiced 40-ms steps, by autocorrelation within 70-350 Hz."""
    step = SAMPLE_RATE // 25
    found = []
    for block in sound[: len(sound) // step * step].reshape(-1, step):
        correlation = np.correlate(block, block, "full")[step - 1 :]
        lags = correlation[SAMPLE_RATE // 350 : SAMPLE_RATE // 70]
        if lags.max() > 0.6 * correlation[0] > 1:
            found.append(SAMPLE_RATE / (SAMPLE_RATE // 350 + int(lags.argmax())))
    return float(np.median(found))


async def test_one_sound_a_sentence_at_24_khz(espeak: Espeak) -> None:
    sounds = await said(espeak)
    assert len(sounds) == 2
    for sound in sounds:
        assert sound.dtype == np.float32
        assert sound.ndim == 1
        assert 0.5 < len(sound) / SAMPLE_RATE < 3
        assert 0.1 < np.abs(sound).max() <= 1


async def test_the_first_voice_speaks_american_english(espeak: Espeak) -> None:
    assert (espeak.voices()[0].name, espeak.voices()[0].language) == ("en-us", "en-US")
    default, named = await said(espeak), await said(espeak, voice="en-us")
    assert length(default) == pytest.approx(length(named), rel=FLUTTER)


async def test_a_womans_voice_is_higher_than_the_mens(espeak: Espeak) -> None:
    names = ("en-us", "en-us+f3", "en-us+m3")
    pitches = [pitch(np.concatenate(await said(espeak, voice=name))) for name in names]
    man, woman, another_man = pitches
    assert woman > 1.5 * max(man, another_man)


async def test_speed_changes_the_length(espeak: Espeak) -> None:
    lengths = [len(np.concatenate(await said(espeak, speed=s))) for s in (0.5, 1.0, 2.0)]
    assert lengths[0] > 1.5 * lengths[1] > 2 * lengths[2]


async def test_many_speak_at_once_without_mixing(espeak: Espeak) -> None:
    alone = {speed: length(await said(espeak, speed=speed)) for speed in (0.5, 2.0)}
    engines = [Espeak() for _ in range(8)]
    speeds = [0.5, 2.0] * 4
    together = await asyncio.gather(
        *(said(engine, speed=s) for engine, s in zip(engines, speeds, strict=True))
    )
    for engine in engines:
        await engine.aclose()
    for speed, sounds in zip(speeds, together, strict=True):
        assert length(sounds) == pytest.approx(alone[speed], rel=FLUTTER)


async def test_an_unknown_voice_gets_near_ones(espeak: Espeak) -> None:
    with pytest.raises(UnknownVoiceError) as caught:
        espeak.stream(TEXT, "en-us+f33")
    assert "en-us+f3" in caught.value.near
