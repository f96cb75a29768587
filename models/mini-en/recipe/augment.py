"""Clean synthetic speech into what microphones, rooms and codecs make of it. Samples are float32 in the int16 range."""

from dataclasses import dataclass

import av
import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, lfilter, resample_poly

Samples = NDArray[np.float32]
RATE = 16000


@dataclass(frozen=True)
class Chances:
    """How likely each disturbance is in one training example."""

    resample: float = 0.4
    room: float = 0.4
    second_speaker: float = 0.12
    noise: float = 0.65
    narrow_band: float = 0.1
    opus: float = 0.25


LIGHT = Chances(resample=0.3, room=0.15, second_speaker=0.03, noise=0.25, narrow_band=0.0, opus=0.25)
"""For copies closer to what a good microphone picks up."""


def disturb(rng: np.random.Generator, speech: Samples, others: list[Samples], chances: Chances) -> Samples:
    """One disturbed copy of `speech`.

    Args:
        rng: Source of every choice.
        speech: What must still be recognised.
        others: Other people's speech, for second speakers and babble.
        chances: Probabilities of the disturbances.
    """
    x = speech
    if rng.random() < chances.resample:
        x = resample_poly(x, int(rng.integers(92, 110)), 100).astype(np.float32)
    if rng.random() < chances.room:
        x = reverberate(x, room_response(rng))
    level = rms(x)
    if rng.random() < chances.second_speaker:
        voice = fit(rng, others[rng.integers(len(others))], len(x))
        x = x + voice * level / rms(voice) * decibels(rng.uniform(-30, -14))
    if rng.random() < chances.noise:
        sound = noise(rng, len(x), others)
        x = x + sound * level * decibels(-rng.uniform(4, 38))
    if rng.random() < chances.narrow_band:
        x = resample_poly(resample_poly(x, 1, 2), 2, 1).astype(np.float32)
    x = x * decibels(rng.uniform(-22, 4))
    if rng.random() < chances.opus:
        x = opus_round_trip(x, int(rng.choice((16000, 20000, 24000, 32000))))
    return np.clip(np.round(x), -32768, 32767).astype(np.float32)


def without_speech(rng: np.random.Generator, seconds: float) -> Samples:
    """Silence or noise of any loudness that a room may have without speech."""
    length = int(seconds * RATE)
    if rng.random() < 0.2:
        return np.zeros(length, np.float32)
    return np.round(noise(rng, length, []) * 10 ** rng.uniform(-0.5, 3.4)).astype(np.float32)


def noise(rng: np.random.Generator, length: int, voices: list[Samples]) -> Samples:
    """Noise with RMS 1: hiss, rumble, hum, clicks of keys, or babble of several voices."""
    kind = rng.random()
    x = rng.standard_normal(length).astype(np.float32)
    if kind < 0.25:
        x = lfilter([1], [1, -0.95], x)
    elif kind < 0.4:
        x = lfilter([0.05, 0.02], [1, -1.7, 0.72], x)
    elif kind < 0.5:
        t = np.arange(length) / RATE
        hum = sum(np.sin(2 * np.pi * t * rng.choice((50, 60)) * k) / k for k in (1, 2, 3, 5))
        x = 0.1 * x + hum
    elif kind < 0.6:
        swell = 1 + 0.7 * np.sin(2 * np.pi * np.arange(length) / RATE * rng.uniform(0.3, 5))
        x = x * swell
    elif kind < 0.7:
        clicks = np.zeros(length)
        for at in rng.integers(0, length, max(1, length // 3000)):
            clicks[at : at + 200] += (rng.standard_normal(200) * np.exp(-np.arange(200) / 40))[: length - at]
        x = 0.05 * x + clicks
    elif kind < 0.85 and voices:
        picked = [voices[i] for i in rng.integers(len(voices), size=5)]
        x = sum(fit(rng, voice, length) / rms(voice) for voice in picked)
    return (x / (np.std(x) + 1e-9)).astype(np.float32)


def room_response(rng: np.random.Generator) -> Samples:
    """A made room impulse response: direct sound, a few early reflections, a decaying tail."""
    decay_s = rng.uniform(0.08, 0.6)
    length = int(RATE * decay_s)
    tail = rng.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    tail[: int(0.004 * RATE)] = 0
    tail *= 10 ** (-rng.uniform(3, 18) / 20) / np.sqrt((tail**2).sum() + 1e-9)
    for at in rng.integers(int(0.001 * RATE), int(0.02 * RATE), 4):
        tail[at] += rng.uniform(-0.35, 0.35)
    tail[0] = 1.0
    return tail.astype(np.float32)


def reverberate(x: Samples, response: Samples) -> Samples:
    """`x` in a room, as loud as before, as long as before."""
    wet = fftconvolve(x, response)[: len(x)]
    return (wet * rms(x) / rms(wet)).astype(np.float32)


def opus_round_trip(x: Samples, bits_per_second: int) -> Samples:
    """What is left of `x` after Opus at the given rate, aligned and of the same length."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 48000, "mono", "s16"
    encoder.bit_rate = bits_per_second
    encoder.options = {"application": "voip"}
    encoder.open()
    size = encoder.frame_size
    wide = resample_poly(x, 3, 1)
    padded = np.concatenate([wide, np.zeros(size * 2 - len(wide) % size, wide.dtype)])
    pcm = np.clip(np.round(padded), -32768, 32767).astype(np.int16)
    packets = []
    for start in range(0, len(pcm), size):
        frame = av.AudioFrame.from_ndarray(pcm[None, start : start + size], "s16", "mono")
        frame.sample_rate, frame.pts = 48000, start
        packets += encoder.encode(frame)
    packets += encoder.encode(None)
    decoder = av.CodecContext.create("libopus", "r")
    decoder.extradata = encoder.extradata
    pieces = [frame.to_ndarray().ravel() for packet in packets for frame in decoder.decode(packet)]
    heard = np.concatenate(pieces)
    heard = heard.astype(np.float32) * (32767 if heard.dtype.kind == "f" else 1)
    narrow = resample_poly(heard, 1, 3).astype(np.float32)
    return np.pad(narrow, (0, max(0, len(x) - len(narrow))))[: len(x)]


def fit(rng: np.random.Generator, x: Samples, length: int) -> Samples:
    """`length` samples of `x` from a random place, repeated as often as needed."""
    repeated = np.tile(x, length // max(1, len(x)) + 2)
    start = int(rng.integers(0, len(repeated) - length))
    return repeated[start : start + length]


def rms(x: Samples) -> float:
    """Root mean square, never zero."""
    return float(np.sqrt(np.mean(np.square(x, dtype=np.float64))) + 1.0)


def decibels(db: float) -> float:
    """The amplitude factor of a level change."""
    return float(10 ** (db / 20))
