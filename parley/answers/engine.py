"""What an answer engine is: a question and what was said before in, sentences out as they come."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

from parley.domain.timeline import TimelineParticipant, TimelineSegment

EngineName = Literal["extractive", "gemini"]


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the assistant.

    Attributes:
        text: its words, without the assistant's name.
        asker: identity of who asks; empty where that isn't known.
        asked_ms: when it ended, in ms since the epoch.
        segment_id: the segment that holds it; empty for a typed one.
        addressed: whether the assistant itself was asked; else an answer is given only where one
            is known.
    """

    text: str
    asker: str
    asked_ms: int
    segment_id: str = ""
    addressed: bool = True


@dataclass(frozen=True, slots=True)
class Recollection:
    """What the assistant remembers: the last minutes of the room, in the order of their begin.

    Attributes:
        participants: the people who are or were there.
        segments: what they said; the question itself is not among it.
        here: identities of those who are there now.
    """

    participants: tuple[TimelineParticipant, ...]
    segments: tuple[TimelineSegment, ...]
    here: frozenset[str] = frozenset()

    def name(self, identity: str) -> str:
        """How a participant is called."""
        return next((p.name for p in self.participants if p.identity == identity), identity)


class AnswerEngine(Protocol):
    """Answers questions from what was said; one instance serves one room."""

    @property
    def name(self) -> EngineName:
        """The engine's name, for figures."""
        ...

    def answer(self, question: Question, memory: Recollection) -> AsyncGenerator[str, None]:
        """Answer.

        Args:
            question: what was asked.
            memory: what was said before.

        Returns:
            Sentences in plain words, each as soon as it is complete; none at all only where the
            question was to everybody and the answer is not known. Closing it ends the work.

        Raises:
            AnswerError: no answer, or not the rest of it, can be had.
        """
        ...

    async def aclose(self) -> None:
        """Close connections."""
        ...


class ModelAnswers(AnswerEngine, Protocol):
    """An engine that can judge what the rules can't."""

    async def is_question(self, text: str, *, addressed: bool) -> bool:
        """Whether an utterance asks the assistant something.

        Args:
            text: the utterance, without the assistant's name.
            addressed: whether the assistant was called by name.
        """
        ...
