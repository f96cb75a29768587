"""Error rates: what was said is compared, not how it's written, and no error is hidden."""

import pytest

from parley_cli.demo.wer import normalise, word_error_rate


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("Good morning, everyone!", "good morning everyone"),
        ("I have 3 questions.", "i have three questions"),
        (
            "It's 12,500 dollars, 20% more.",
            "it is twelve thousand five hundred dollars twenty percent more",
        ),
        ("at 10:30 on the 3rd", "at ten thirty on the third"),
        ("OK, let's go. I'll do it.", "okay let us go i will do it"),
        ("I can't; we don't, they won't", "i can not we do not they will not"),
        ("the well-known \u2018plan\u2019", "the well known plan"),
        ("Bob's report", "bob's report"),
        ("$12 and 3.5", "twelve and three point five"),
        ("", ""),
        ("…!?", ""),
    ],
)
def test_a_text_as_its_words(written: str, words: str) -> None:
    assert normalise(written) == words


def test_equal_words_have_no_errors() -> None:
    assert word_error_rate([("We meet on Tuesday at ten.", "we meet on tuesday at 10")]) == 0


def test_every_kind_of_error_counts_once() -> None:
    pairs = [("one two three four", "one too three"), ("five six", "five six seven")]
    assert word_error_rate(pairs) == pytest.approx(3 / 6)


def test_another_form_of_a_word_is_an_error() -> None:
    assert word_error_rate([("thanks everyone", "thanks everyone's")]) == pytest.approx(1 / 2)


def test_words_heard_in_silence_are_insertions() -> None:
    assert word_error_rate([("one two", "one two"), ("", "three")]) == pytest.approx(1 / 2)


def test_nothing_heard_is_all_words_lost() -> None:
    assert word_error_rate([("one two", "")]) == 1


def test_without_words_there_is_no_rate() -> None:
    with pytest.raises(ValueError, match="no reference"):
        word_error_rate([("", "hello")])
