"""Noise and other voices made of cepstra are what they would be in sound."""

import numpy as np
import pytest

from recipe.cepstra import transforms, white, white_bins, with_noise, with_other_voice
from recipe.layers import DIMENSION


def test_cepstra_and_bands_turn_into_each_other_without_loss() -> None:
    to_bands, to_cepstra = transforms()
    assert to_bands @ to_cepstra == pytest.approx(np.eye(DIMENSION), abs=1e-4)


def test_noise_fills_what_is_silent_and_leaves_what_is_loud() -> None:
    to_bands, to_cepstra = transforms()
    bands = np.full((200, DIMENSION), 2.0)
    bands[:100] = 20.0
    heard = with_noise(np.random.default_rng(1), bands @ to_cepstra.T) @ to_bands.T
    assert np.all(heard >= bands - 0.05)
    loud, silent = heard[:100] - 20.0, heard[100:] - 2.0
    assert np.median(loud) < 3
    assert np.median(silent) > 5


def test_white_noise_is_louder_where_the_bands_are_wider_and_emphasised() -> None:
    assert np.all(np.diff(white()[5:]) > 0)
    assert white_bins()[-1] > white_bins()[0]


def test_the_same_seed_gives_the_same_noise() -> None:
    cepstra = np.random.default_rng(2).normal(size=(50, DIMENSION)).astype(np.float32)
    first, second = (with_noise(np.random.default_rng(3), cepstra) for _ in range(2))
    assert np.array_equal(first, second)
    assert first.shape == cepstra.shape


def test_another_voice_has_its_formants_elsewhere_and_keeps_them_apart() -> None:
    to_bands, to_cepstra = transforms()
    formant = 20 * np.exp(-(((np.arange(DIMENSION) - 15) / 2) ** 2))
    peaks = []
    for seed in range(40):
        heard = with_other_voice(np.random.default_rng(seed), formant[None] @ to_cepstra.T)
        peaks.append(int(np.argmax(heard @ to_bands.T)))
        assert heard.dtype == np.float32
    assert min(peaks) in (12, 13, 14)
    assert max(peaks) in (16, 17, 18)
