"""Answers without a model: who said what about the question's words, or that it doesn't know."""

import asyncio
from collections.abc import AsyncGenerator

from parley.answers.asked import About, Asked, read_question
from parley.answers.engine import EngineName, Question, Recollection
from parley.answers.relevance import Relevance
from parley.answers.wording import UNKNOWN, listed, told
from parley.summary.extractive.actions import action_items
from parley.summary.extractive.names import Names
from parley.summary.extractive.ranking import key_sentences
from parley.summary.extractive.sentences import Sentence, sentences_of
from parley.summary.extractive.statements import decisions, open_questions

_MOST = 3
"""Quotations in one answer: more is hard to listen to."""
_MOST_TASKS = 5


class ExtractiveAnswers:
    """Quotes the transcript; nothing leaves the process, and the same input gives the same."""

    name: EngineName = "extractive"

    def __init__(self, assistant_names: tuple[str, ...] = ()) -> None:
        """Leave out what was said to the assistant, which is called so."""
        self._assistant = assistant_names

    async def answer(self, question: Question, memory: Recollection) -> AsyncGenerator[str, None]:
        """Answer; see `AnswerEngine.answer`."""
        for sentence in await asyncio.to_thread(answer, question, memory, self._assistant):
            yield sentence

    async def aclose(self) -> None:
        """Nothing to close."""


def answer(
    question: Question, memory: Recollection, assistant_names: tuple[str, ...] = ()
) -> list[str]:
    """The sentences of the answer; none only for a question to everybody.

    Args:
        question: what was asked.
        memory: what was said before.
        assistant_names: what begins with one of these is not quoted.
    """
    names = Names(memory.participants)
    asked = read_question(question.text, names, question.asker)
    said = [
        s
        for s in sentences_of(memory.segments)
        if not s.question and not s.plain.startswith(assistant_names)
    ]
    if asked.about is About.PEOPLE:
        here = memory.here or {p.identity for p in memory.participants}
        people = [p.name for p in memory.participants if p.identity in here]
        return [f"{listed(people)} {'is' if len(people) == 1 else 'are'} here."]
    everything = sentences_of(memory.segments)
    found = _found(asked, said, everything, names, memory)
    if not found:
        return [UNKNOWN] if question.addressed else []
    most = _MOST_TASKS if asked.about is About.TASKS else _MOST
    return told(found[:most], memory, question.asker)


def _found(
    asked: Asked,
    said: list[Sentence],
    everything: list[Sentence],
    names: Names,
    memory: Recollection,
) -> list[Sentence]:
    """The sentences to quote, in order."""
    match asked.about:
        case About.TASKS:
            return _tasks(asked, everything, names, memory)
        case About.OWNER:
            return _tasks(asked, everything, names, memory) or _best(asked, said, everything)
        case About.DECISIONS:
            wanted = {i for d in decisions(everything) for i in d.segment_ids}
            return _about(asked, [s for s in said if s.segment_id in wanted], everything)
        case About.OPEN_QUESTIONS:
            cited = {d.segment_ids[0] for d in open_questions(everything)}
            return [s for s in everything if s.question and s.segment_id in cited][-_MOST:]
        case About.ALL:
            return key_sentences(said, _MOST)
        case _:
            by_whom = [s for s in said if not asked.speakers or s.identity in asked.speakers]
            if asked.speakers and not asked.words:
                return by_whom[-2:]  # "what did Anna say": the last of it
            return _best(asked, by_whom, everything)


def _tasks(
    asked: Asked, everything: list[Sentence], names: Names, memory: Recollection
) -> list[Sentence]:
    """What people took on, in the sentences in which they did."""
    people = frozenset(p.identity for p in memory.participants if p.kind == "person")
    items = [
        (owner.participant_identity, action)
        for owner in action_items(everything, names, people)
        for action in owner.participant_actions
        if not asked.speakers or owner.participant_identity in asked.speakers
    ]
    by_segment = {s.segment_id: s for s in reversed(everything)}
    # A promise is one sentence; a request is quoted with the answer that made it a promise.
    cited = dict.fromkeys(i for _, action in items for i in action.segment_ids[:2])
    relevance = Relevance(everything)
    wanted = {
        segment_id
        for _, action in items
        if not asked.words or relevance.share_of(asked.words, action.text) >= relevance.ENOUGH
        for segment_id in action.segment_ids[:2]
    }
    found = [by_segment[i] for i in cited if i in wanted and i in by_segment]
    return sorted(found, key=lambda s: s.start_ms)


def _about(asked: Asked, found: list[Sentence], everything: list[Sentence]) -> list[Sentence]:
    """Those of the found sentences that hold the question's words; all, if it has none."""
    if not asked.words:
        return found
    relevance = Relevance(everything)
    return [s for s in found if relevance.share_of(asked.words, s.plain) >= relevance.ENOUGH]


def _best(asked: Asked, said: list[Sentence], everything: list[Sentence]) -> list[Sentence]:
    """The sentences that hold most of the question's words, the first said first."""
    relevance = Relevance(everything)
    scored = [(relevance.score(asked, s), s) for s in said]
    top = max((score for score, _ in scored), default=0.0)
    if top < relevance.ENOUGH:
        return []
    best = sorted(
        (pair for pair in scored if pair[0] >= max(relevance.ENOUGH, 0.8 * top)),
        key=lambda pair: (-pair[0], -pair[1].start_ms),
    )
    most = _MOST if asked.about is About.SAID else 2
    unique = list({s.plain: s for _, s in reversed(best[: 2 * most])}.values())
    return sorted(unique[-most:], key=lambda s: s.start_ms)
