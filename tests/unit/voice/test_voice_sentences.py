"""Texts are cut where a speaker pauses, and never into nothing."""

from hypothesis import given, strategies as st

from parley.voice.sentences import split_sentences


def test_sentences_are_split_where_they_end() -> None:
    assert split_sentences("Hello everyone. Let us start! Who is here?") == [
        "Hello everyone.",
        "Let us start!",
        "Who is here?",
    ]


def test_abbreviations_and_numbers_do_not_end_a_sentence() -> None:
    assert len(split_sentences("Dr. Smith paid 3.5 million dollars to Acme Inc. yesterday.")) == 1


def test_an_overlong_sentence_is_cut_at_a_comma() -> None:
    long = ", ".join(f"and then came number {number}" for number in range(40))
    pieces = split_sentences(long)
    assert len(pieces) > 2
    assert max(map(len, pieces)) <= 300
    assert all(piece.endswith(",") for piece in pieces[:-1])
    assert " ".join(pieces) == long


@given(st.text(max_size=400))
def test_no_letter_is_lost_and_no_piece_is_empty(text: str) -> None:
    pieces = split_sentences(text)
    assert all(any(c.isalnum() for c in piece) for piece in pieces)
    assert all(len(piece) <= 300 for piece in pieces)
    kept = [c for c in "".join(pieces) if c.isalnum()]
    assert kept == [c for c in text if c.isalnum()]
