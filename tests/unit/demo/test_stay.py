"""What a participant's microphone hears: room noise, with the lines exactly at their times."""

import numpy as np

from parley_cli.demo.stay import NOISE_RMS, PlacedLine, Stay

RATE = 24_000


def test_lines_lie_at_their_times_in_the_noise() -> None:
    loud = np.full(RATE // 2, 10_000, np.int16)
    stay = Stay("anna", "Anna", 1_000, 4_000, (PlacedLine("x", 2_000, loud, (), RATE),))
    audio = stay.audio(seed=1)
    assert len(audio) == 3 * RATE
    assert abs(float(audio[:RATE].astype(float).std()) - NOISE_RMS) < 1
    spoken = np.flatnonzero(audio > 5_000)
    assert (spoken[0], spoken[-1]) == (RATE, RATE + RATE // 2 - 1)


def test_the_same_seed_is_the_same_noise() -> None:
    stay = Stay("anna", "Anna", 0, 500)
    assert np.array_equal(stay.audio(7), stay.audio(7))
    assert not np.array_equal(stay.audio(7), stay.audio(8))


def test_a_line_that_outlasts_the_stay_is_cut() -> None:
    loud = np.full(RATE, 10_000, np.int16)
    stay = Stay("anna", "Anna", 0, 1_000, (PlacedLine("x", 500, loud, (), RATE),))
    assert len(stay.audio(1)) == RATE
