"""Long recordings are cut where nobody speaks, and the same way every time."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from parley.audio.ogg import decode
from parley.transcribe.engine import TimedWord, split_at_pauses
from parley.transcribe.parts import cut_into_parts, quietest_point

SPEECH = Path(__file__).parents[2] / "data" / "two_sentences.ogg"
RATE = 16_000


def pieces(samples: NDArray[np.float32], size: int = 700) -> Iterator[NDArray[np.float32]]:
    for start in range(0, len(samples), size):
        yield samples[start : start + size]


@pytest.fixture(scope="module")
def meeting() -> NDArray[np.float32]:
    """A minute and a half: two sentences, a pause of two seconds, and again."""
    speech = decode(SPEECH, RATE)
    return np.tile(np.concatenate([speech, np.zeros(2 * RATE, np.float32)]), 7)


def test_short_audio_is_one_part() -> None:
    samples = np.ones(1000, np.float32)
    (part,) = cut_into_parts(pieces(samples), part_seconds=10, search_seconds=2)
    assert part.last
    assert part.start == 0
    assert part.end == 1000


def test_no_audio_is_one_empty_last_part() -> None:
    (part,) = cut_into_parts(iter([]), part_seconds=10, search_seconds=2)
    assert part.last
    assert len(part.samples) == 0


def test_parts_join_to_the_whole_and_end_in_silence(meeting: NDArray[np.float32]) -> None:
    parts = list(cut_into_parts(pieces(meeting), part_seconds=30, search_seconds=15))
    assert len(parts) > 3
    assert np.array_equal(np.concatenate([p.samples for p in parts]), meeting)
    assert [p.last for p in parts] == [False] * (len(parts) - 1) + [True]
    for before, after in pairwise(parts):
        assert before.end == after.start
        around = meeting[before.end - RATE // 10 : before.end + RATE // 10]
        assert np.abs(around).max() < 0.01
    assert all(len(p.samples) <= 30 * RATE for p in parts)


def test_going_on_from_a_part_gives_the_same_rest(meeting: NDArray[np.float32]) -> None:
    def cut(start: int, size: int) -> list[tuple[int, int]]:
        parts = cut_into_parts(
            pieces(meeting, size), start=start, part_seconds=30, search_seconds=15
        )
        return [(p.start, p.end) for p in parts]

    whole = cut(0, 700)
    assert cut(whole[2][0], 4096) == whole[2:]
    assert cut(whole[-1][1], 960) == [(len(meeting), len(meeting))]


def test_without_silence_the_quietest_stretch_is_cut() -> None:
    tone = np.sin(np.arange(4 * RATE) * 0.3).astype(np.float32)
    loudness = np.ones_like(tone)
    loudness[2 * RATE : 2 * RATE + RATE // 4] = 0.001
    assert 1 <= quietest_point(tone * loudness) <= len(tone)


def word(start_ms: int, end_ms: int) -> TimedWord:
    return TimedWord("word", start_ms, end_ms, 0.9)


def test_words_far_apart_are_two_utterances() -> None:
    words = [word(0, 100), word(150, 400), word(1400, 1500), word(2499, 2600)]
    assert [len(u.words) for u in split_at_pauses(words, 1000)] == [2, 2]
    assert split_at_pauses([], 1000) == []
