"""Resampling keeps pitch, loudness and time."""

import numpy as np
import pytest

from parley.audio.resample import resample, to_float32, to_int16


@pytest.mark.parametrize(
    ("rate", "to_rate"), [(22_050, 24_000), (24_000, 16_000), (16_000, 48_000)]
)
def test_a_tone_stays_the_same_tone(rate: int, to_rate: int) -> None:
    sound = (0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype(np.float32)
    heard = resample(sound, rate, to_rate)
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(len(heard)) / to_rate)
    assert abs(len(heard) - to_rate) <= 32
    assert np.abs(heard - wanted)[300:-300].max() < 1e-3


def test_the_same_rate_changes_nothing() -> None:
    sound = np.linspace(-1, 1, 100, dtype=np.float32)
    assert np.array_equal(resample(sound, 16_000, 16_000), sound)


def test_loud_samples_are_clipped_not_wrapped() -> None:
    assert to_int16(np.array([-2.0, 2.0], np.float32)).tolist() == [-32768, 32767]


def test_int16_survives_the_way_to_float_and_back() -> None:
    samples = np.arange(-32768, 32768, 37, dtype=np.int16)
    assert np.abs(to_int16(to_float32(samples)).astype(int) - samples).max() <= 1
