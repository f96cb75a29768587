"""Sentences for a voice out of text that comes in pieces."""

from collections.abc import AsyncIterator

import pytest

from parley.answers.spoken import MOST_CHARACTERS, MOST_SENTENCES, sentences_as_they_come


async def pieces(*parts: str) -> AsyncIterator[str]:
    for part in parts:
        yield part


async def spoken(*parts: str) -> list[str]:
    return [s async for s in sentences_as_they_come(pieces(*parts))]


@pytest.mark.parametrize("step", [1, 3, 7, 1000])
async def test_sentences_do_not_depend_on_the_pieces(step: int) -> None:
    text = (
        "Anna said: I will call Dr. Smith at 3.5 today. **Ben** agreed!\n"
        "- See [the plan](https://example.org/a.b?c=d) or https://example.org/x.y now. Zoë? Yes"
    )
    parts = [text[at : at + step] for at in range(0, len(text), step)]
    assert await spoken(*parts) == [
        "Anna said: I will call Dr. Smith at 3.5 today.",
        "Ben agreed!",
        "See the plan or now.",
        "Zoë?",
        "Yes",
    ]


async def test_a_sentence_comes_before_the_text_is_complete() -> None:
    taken: list[str] = []

    async def watched() -> AsyncIterator[str]:
        for part in ("One is here. ", "Two ", "follows. ", "Three"):
            taken.append(part)
            yield part

    sentences = sentences_as_they_come(watched())
    assert await anext(sentences) == "One is here."
    assert taken == ["One is here. ", "Two "]
    await sentences.aclose()


async def test_what_is_too_long_is_cut_at_a_sentence() -> None:
    assert len(await spoken("This is one. " * 50)) == MOST_SENTENCES
    told = await spoken(("word " * 50 + "end. ") * 9)
    assert sum(len(s) for s in told) <= MOST_CHARACTERS


async def test_what_cannot_be_spoken_is_left_out() -> None:
    assert await spoken("\u202eHi\x00 there\u200b. ", "***", " \n ") == ["Hi there ."]
    assert await spoken("", " ", "---") == []
