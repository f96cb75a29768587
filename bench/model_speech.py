"""The speech that `bench.model` plays: sentences and voices never trained on, made once."""

import hashlib
import random
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from parley import models
from parley.audio.ogg import decode, encode_opus
from parley.audio.resample import resample, to_float32, to_int16
from parley.settings import load_settings
from parley.voice.engine import SAMPLE_RATE as VOICE_RATE, Voice
from parley.voice.espeak import Espeak
from parley.voice.kokoro_onnx import KokoroOnnx

RATE = 16_000
MODEL = Path(__file__).resolve().parent.parent / "models" / "mini-en" / "model"
TEXT = MODEL.parent / "text"
KOKORO_VOICES = ("af_sarah", "am_eric", "bf_lily", "bm_lewis")
ESPEAK_VOICES = ("en-us+f4", "en-us+m8", "en-gb+f1", "en-gb+m5")
_LEAD_S, _TAIL_S = 0.2, 0.5

Samples = NDArray[np.int16]


@dataclass(frozen=True)
class Clip:
    """One utterance: its words, lower case without punctuation, and 16 kHz mono int16 audio."""

    words: tuple[str, ...]
    samples: Samples


def sentences(name: str, count: int | None = None) -> list[str]:
    """The first `count` sentences of a text file of the model's."""
    lines = (TEXT / f"{name}.txt").read_text().splitlines()
    return [line for line in lines if line.strip() and not line.startswith("#")][:count]


def words(text: str) -> tuple[str, ...]:
    """The words of a sentence."""
    return tuple(re.findall(r"[a-z]+(?:'[a-z]+)*", text.lower()))


def clips(texts: list[str], engine: Literal["kokoro", "espeak"]) -> list[Clip]:
    """Each sentence spoken by the next of the held-out voices."""
    voices = KOKORO_VOICES if engine == "kokoro" else ESPEAK_VOICES
    return [
        Clip(words(text), _padded(_spoken(engine, voices[i % len(voices)], text)))
        for i, text in enumerate(texts)
    ]


def espeak(voice: str, text: str) -> Samples:
    """A sentence by a voice of espeak-ng."""
    sound = Espeak().render(text, Voice(voice, "en"), 1.0)
    return to_int16(resample(sound, VOICE_RATE, RATE))


def through_opus(clip: Clip, bit_rate: int = 24_000) -> Clip:
    """The clip after an Opus round trip at 48 kHz, as LiveKit sends it."""
    wide = resample(to_float32(clip.samples), RATE, 48_000)
    heard = decode(encode_opus(wide, 48_000, bit_rate), RATE)
    return Clip(clip.words, to_int16(heard))


def in_noise(clip: Clip, snr_db: float, seed: int) -> Clip:
    """The clip with white noise, `snr_db` below its own level."""
    rng = np.random.default_rng(seed)
    speech = clip.samples.astype(np.float64)
    level = float(np.sqrt(np.mean(speech**2)))
    noisy = speech + rng.standard_normal(len(speech)) * level * 10 ** (-snr_db / 20)
    return Clip(clip.words, np.clip(np.round(noisy), -32768, 32767).astype(np.int16))


def silence(seconds: float) -> Clip:
    """Digital silence."""
    return Clip((), np.zeros(int(seconds * RATE), np.int16))


def noise(seconds: float, seed: int = 5) -> Clip:
    """White and pink noise in turns of five seconds, from a whisper's level to a loud fan's."""
    rng = np.random.default_rng(seed)
    pieces = []
    for turn in range(int(seconds // 5)):
        white = rng.standard_normal(5 * RATE)
        if turn % 2:
            spectrum = np.fft.rfft(white)
            white = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)), len(white))
        loudness = 10 ** rng.uniform(1.0, 3.3)
        pieces.append(white / white.std() * loudness)
    return Clip((), np.clip(np.concatenate(pieces), -32768, 32767).astype(np.int16))


def unknown_sentences(count: int) -> list[str]:
    """Utterances of three or four words that the model doesn't know."""
    known = set((MODEL / "graph" / "words.txt").read_text().split())
    rare = [word for word in sentences("unknown-words") if word not in known]
    rng = random.Random(17)
    return [" ".join(rng.sample(rare, rng.choice((3, 4)))) for _ in range(count)]


def _spoken(engine: str, voice: str, text: str) -> Samples:
    key = hashlib.sha256(f"{engine}/{voice}/{text}".encode()).hexdigest()[:24]
    kept = load_settings().cache / "bench" / "model" / f"{key}.npy"
    if not kept.exists():
        made = _kokoro(voice, text) if engine == "kokoro" else espeak(voice, text)
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".partial")
        with partial.open("wb") as out:
            np.save(out, made)
        partial.replace(kept)
    loaded: Samples = np.load(kept)
    return loaded


def _kokoro(voice: str, text: str) -> Samples:
    sound = _kokoro_engine().render(text + ".", Voice(voice, "en"), 1.0)
    return to_int16(resample(sound, VOICE_RATE, RATE))


@cache
def _kokoro_engine() -> KokoroOnnx:
    return KokoroOnnx(models.ensure("kokoro"))


def _padded(samples: Samples) -> Samples:
    return np.pad(samples, (int(_LEAD_S * RATE), int(_TAIL_S * RATE)))
