"""Speech and models for the fleet's unit tests."""

from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from agent_fleet.frames import SAMPLE_RATE, Frame, to_samples
from agent_fleet.languages import PROJECT_MODEL
from agent_fleet.vosk_recogniser import VoskModel
from parley.audio.resample import resample, to_int16
from parley.voice.engine import SAMPLE_RATE as VOICE_RATE
from parley.voice.espeak import Espeak

FRAME_MS = 60


@cache
def _espeak() -> Espeak:
    return Espeak()


@cache
def speech(text: str) -> NDArray[np.int16]:
    """A sentence as int16 mono at 16 kHz."""
    engine = _espeak()
    voice = next(v for v in engine.voices() if v.name == "en-us")
    return to_int16(resample(engine.render(text, voice, 0.95), VOICE_RATE, SAMPLE_RATE) * 0.5)


def quiet(seconds: float, rms: float = 0.0, seed: int = 0) -> NDArray[np.int16]:
    """Silence, or room noise of this loudness."""
    rng = np.random.default_rng(seed)
    return rng.normal(0, rms, int(seconds * SAMPLE_RATE)).astype(np.int16)


def frames(samples: NDArray[np.int16], start: int = 0, ms: int = FRAME_MS) -> list[Frame]:
    """Samples cut into frames; what is left at the end is a shorter one."""
    step = to_samples(ms)
    return [
        Frame(start + at, samples[at : at + step].tobytes()) for at in range(0, len(samples), step)
    ]


@pytest.fixture(scope="session")
def model() -> VoskModel:
    return VoskModel(PROJECT_MODEL)
