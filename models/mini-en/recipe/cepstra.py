"""Other voices, microphones and steady noise made of MFCCs while training: cepstra to mel bands, and back.

As many cepstra as bands are kept, so nothing is lost on the way. This is much cheaper than changing the sound, and
new each time.
"""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from recipe.layers import DIMENSION

Frames = NDArray[np.float32]

_LOW, _HIGH, _RATE, _FFT = 20.0, 7600.0, 16000, 512
_LIFTER = 22


def with_other_voice(rng: np.random.Generator, x: Frames) -> Frames:
    """`x` from a longer or shorter vocal tract, through another microphone.

    The bands are stretched along the frequency axis by up to an eighth (Jaitly and Hinton, Vocal Tract Length
    Perturbation, 2013) and get a smooth gain of a few decibels.

    Args:
        rng: Source of the choices.
        x: MFCCs, frames x 40.
    """
    to_bands, to_cepstra = transforms()
    warp = np.clip(_places(_centres() * rng.uniform(1 / 1.125, 1.125)), 0, DIMENSION - 1)
    low = np.minimum(warp.astype(int), DIMENSION - 2)
    high = (warp - low).astype(np.float32)
    bands = x @ to_bands.T
    bands = bands[:, low] * (1 - high) + bands[:, low + 1] * high
    gain = rng.normal(0, 0.35, 4) @ _bends()
    return ((bands + gain.astype(np.float32)) @ to_cepstra.T).astype(np.float32)


def with_noise(rng: np.random.Generator, x: Frames) -> Frames:
    """`x` with noise from hiss to rumble, from barely heard to as loud as the speech.

    Args:
        rng: Source of the choices.
        x: MFCCs, frames x 40.
    """
    to_bands, to_cepstra = transforms()
    speech = np.exp(np.minimum(x @ to_bands.T, 40.0))
    tilt = np.exp(rng.choice((0.0, rng.uniform(-4, 0.5))) * np.linspace(0, 1, DIMENSION))
    noise = white() * tilt
    # White noise 10 dB below speech is about as loud as it once high frequencies are emphasised.
    level = speech.sum(1).mean() / noise.sum() * 10 ** (-rng.uniform(-6, 22) / 10)
    bins = np.maximum(1.0, white_bins())
    seen = noise * level * rng.gamma(bins, 1 / bins, speech.shape)
    return (np.log(speech + seen + 1e-7) @ to_cepstra.T).astype(np.float32)


@cache
def transforms() -> tuple[Frames, Frames]:
    """Matrices from cepstra to logarithmic bands and back, as Kaldi has them (cosine transform and lifter)."""
    n, k = np.arange(DIMENSION), np.arange(DIMENSION)[:, None]
    cosines = np.sqrt(2 / DIMENSION) * np.cos(np.pi / DIMENSION * (n + 0.5) * k)
    cosines[0] = np.sqrt(1 / DIMENSION)
    lifter = 1 + 0.5 * _LIFTER * np.sin(np.pi * np.arange(DIMENSION) / _LIFTER)
    forward = lifter[:, None] * cosines
    return np.linalg.inv(forward).astype(np.float32), forward.astype(np.float32)


@cache
def white() -> NDArray[np.float64]:
    """Energy of white noise in each band, after Kaldi's pre-emphasis."""
    emphasis = np.abs(1 - 0.97 * np.exp(-2j * np.pi * _frequencies() / _RATE)) ** 2
    return _triangles() @ emphasis


@cache
def white_bins() -> NDArray[np.float64]:
    """How many independent bins of the spectrum each band sums: few make its energy waver more."""
    return _triangles().sum(1) * 400 / _FFT


def _frequencies() -> NDArray[np.float64]:
    return np.arange(_FFT // 2) * _RATE / _FFT


@cache
def _triangles() -> NDArray[np.float64]:
    """Weight of each bin of the spectrum in each band."""
    places = _places(_frequencies())[None] - np.arange(DIMENSION)[:, None]
    return np.clip(1 - np.abs(places), 0, None)


def _places(frequencies: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where frequencies in Hz lie between the centres of the bands, counted from the first one's."""
    low, high = _edges()
    return (1127 * np.log1p(frequencies / 700) - low) / ((high - low) / (DIMENSION + 1)) - 1


@cache
def _centres() -> NDArray[np.float64]:
    """The centre of each band in Hz."""
    low, high = _edges()
    return 700 * np.expm1(np.linspace(low, high, DIMENSION + 2)[1:-1] / 1127)


def _edges() -> NDArray[np.float64]:
    """Where the lowest band begins and the highest one ends, in mel."""
    return 1127 * np.log1p(np.array([_LOW, _HIGH]) / 700)


@cache
def _bends() -> NDArray[np.float64]:
    """Smooth changes of the spectrum: one to four half waves over the bands."""
    return np.cos(np.pi * np.outer(np.arange(1, 5), np.arange(DIMENSION) + 0.5) / DIMENSION)
