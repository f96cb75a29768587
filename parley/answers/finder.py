"""Finds the questions for the assistant in what a room says, utterance by utterance. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from parley.answers.addressing import Addressing
from parley.answers.rules import Kind, asked_of_all, asked_of_assistant
from parley.summary.extractive.names import Names
from parley.summary.extractive.sentences import plain_form
from parley.voice.sentences import split_sentences

_FOLLOWS_MS = 8_000
"""How long after its name alone the assistant takes the next words for the question."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something that the assistant should react to.

    Attributes:
        kind: `QUESTION`, `PERHAPS` (a question, if a model says so) or `STOP`.
        text: the question as it was said, without the assistant's name.
        addressed: whether the assistant was called by name.
    """

    kind: Kind
    text: str
    addressed: bool


class QuestionFinder:
    """One room's; remembers only who has just called the assistant's name."""

    def __init__(self, names: Sequence[str], *, every_question: bool) -> None:
        """Listen for these names.

        Args:
            names: the assistant's name and its aliases.
            every_question: whether questions to everybody count as well.
        """
        self._addressing = Addressing(names)
        self._every = every_question
        self._called: dict[str, int] = {}

    def hear(
        self,
        identity: str,
        text: str,
        *,
        start_ms: int,
        end_ms: int,
        people: Names,
        english: bool = True,
    ) -> Found | None:
        """Take in one finished utterance.

        Args:
            identity: the speaker.
            text: what they said; with or without punctuation.
            start_ms: when it began.
            end_ms: when it ended.
            people: who is in the room.
            english: whether the rules for English hold; otherwise whatever follows the name is
                taken for a question, and so is what has a question mark.
        """
        called_ms = self._called.pop(identity, None)
        follows = called_ms is not None and start_ms - called_ms < _FOLLOWS_MS
        found: Found | None = None
        for sentence in split_sentences(text):
            plain = plain_form(sentence)
            marked = sentence.rstrip(" \"'").endswith("?")
            addressed = self._addressing.find(plain)
            if addressed is not None:
                follows = False
                kind = (
                    asked_of_assistant(
                        addressed.rest,
                        surely=addressed.surely,
                        marked=marked,
                        called=people.pattern,
                    )
                    if english
                    else _any_language(addressed.rest)
                )
                if kind is Kind.CALL:
                    follows = True
                elif kind is not Kind.NOTHING:
                    found = Found(kind, _as_said(sentence, addressed.rest), True)
            elif follows:
                follows = False
                kind = asked_of_assistant(plain, surely=True, marked=marked, called=people.pattern)
                if kind is Kind.CALL:
                    follows = True
                elif kind is not Kind.NOTHING:
                    found = Found(kind, sentence, True)
            elif self._every and (found is None or not found.addressed):
                kind = asked_of_all(plain, marked=marked, called=people.pattern)
                if kind is not Kind.NOTHING and (english or marked):
                    found = Found(kind, sentence, False)
        if follows:
            self._called[identity] = end_ms
        return found


def _any_language(rest: str) -> Kind:
    words = len(rest.split())
    return Kind.CALL if not words else Kind.QUESTION if words > 1 else Kind.NOTHING


def _as_said(sentence: str, rest: str) -> str:
    """The part of a sentence that `rest` is in plain form, as it was written if it is found."""
    at = sentence.lower().find(rest)
    return sentence[at : at + len(rest)] if at >= 0 else rest
