"""Word times: from the recogniser where it heard the word, shared out by letters elsewhere."""

import numpy as np
import pytest

from parley_cli.demo.words import _anchors, _fill, speech_bounds


def heard(*words: tuple[str, float, float]) -> list[dict[str, object]]:
    return [{"word": w, "start": s + 0.5, "end": e + 0.5} for w, s, e in words]


def test_recognised_words_keep_their_times() -> None:
    found = _anchors(["thank", "you", "bob"], heard(("thank", 0.1, 0.3), ("you", 0.3, 0.4)))
    assert {at: pytest.approx(ms) for at, ms in found.items()} == {0: (100, 300), 1: (300, 400)}


def test_a_repeated_word_counts_where_it_was_said() -> None:
    found = _anchors(["no", "not", "no"], heard(("not", 0.4, 0.6), ("no", 0.7, 0.9)))
    assert sorted(found) == [1, 2]


def test_unheard_words_share_the_time_between_by_letters() -> None:
    times = _fill(["a", "bb", "cccc", "d"], {0: (0, 100), 3: (700, 800)}, 0, 900)
    assert times == [(0, 100), (100, 300), (300, 700), (700, 900)]


def test_without_any_anchor_all_is_shared_out() -> None:
    assert _fill(["aa", "bb"], {}, 100, 300) == [(100, 200), (200, 300)]


def test_times_stay_in_order_and_in_the_sound() -> None:
    times = _fill(["a", "b", "c"], {0: (-50, 200), 1: (150, 90), 2: (180, 5_000)}, 0, 400)
    edges = [ms for span in times for ms in span]
    assert edges == sorted(edges)
    assert (edges[0], edges[-1]) == (0, 400)


def test_speech_bounds_leave_the_silence_out() -> None:
    sound = np.zeros(24_000, np.int16)
    sound[6_000:12_000] = 8_000
    assert speech_bounds(sound, 24_000) == (6_000, 12_000)
