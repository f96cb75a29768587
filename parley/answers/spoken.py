"""Sentences fit for a voice, from text that comes in pieces."""

import re
from collections.abc import AsyncGenerator, AsyncIterator

from livekit import blingfire

from parley.voice.sentences import split_sentences

MOST_SENTENCES = 6
MOST_CHARACTERS = 900
"""An answer is cut there, whatever an engine goes on to say."""

_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_URL = re.compile(r"\b(?:https?://|www\.)\S+")
_MARKS = re.compile(r"[*_`#>|~\[\]{}<]+|^\s*(?:[-•]|\d+[.)])\s+", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069]+")


async def sentences_as_they_come(pieces: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    """Complete sentences of a growing text, each as soon as the next one has begun.

    Markup, links and control characters are taken out. It ends after `MOST_SENTENCES` or
    `MOST_CHARACTERS`, without asking for more pieces.
    """
    waiting = ""
    left, count = MOST_CHARACTERS, MOST_SENTENCES
    async for piece in _and_the_end(pieces):
        complete, waiting = _complete(waiting + piece) if piece else (_spoken(waiting), "")
        for sentence in complete:
            if len(sentence) > left or not count:
                return
            left, count = left - len(sentence), count - 1
            yield sentence


def plain_words(text: str) -> str:
    """A text without markup, links and what can't be spoken."""
    text = _URL.sub("", _LINK.sub(r"\1", text))
    return " ".join(_CONTROL.sub(" ", _MARKS.sub(" ", text)).split())


async def _and_the_end(pieces: AsyncIterator[str]) -> AsyncIterator[str]:
    """The pieces that hold something, and then an empty one."""
    async for piece in pieces:
        if piece:
            yield piece
    yield ""


def _complete(text: str) -> tuple[list[str], str]:
    """The complete sentences at the beginning of a text, and the rest as it is."""
    *lines, last = text.split("\n")
    _, places = blingfire.text_to_sentences_with_offsets(last)
    begin = places[-1][0] if len(places) > 1 else 0
    complete = [s for part in (*lines, last[:begin]) for s in _spoken(part)]
    return complete, last[begin:]


def _spoken(text: str) -> list[str]:
    return split_sentences(plain_words(text))
