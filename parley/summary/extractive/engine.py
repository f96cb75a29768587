"""Puts the extractive summary together."""

import asyncio

from parley.domain.summary import SummaryContent, Topic
from parley.domain.timeline import Timeline
from parley.summary.engine import Draft
from parley.summary.extractive.actions import action_items
from parley.summary.extractive.names import Names
from parley.summary.extractive.ranking import key_sentences
from parley.summary.extractive.sentences import Sentence, sentences_of
from parley.summary.extractive.statements import decisions, open_questions
from parley.summary.extractive.topics import topics

_SENTENCES_PER_MINUTE = 0.5
_FEWEST, _MOST = 3, 10


class ExtractiveEngine:
    """Summarises without a model; nothing leaves the process, and the same input gives the same."""

    async def summarize(self, timeline: Timeline) -> Draft:
        """Summarise a meeting; see `SummaryEngine.summarize`."""
        content = await asyncio.to_thread(summarize, timeline)
        return Draft(content=content, engine="extractive")


def summarize(timeline: Timeline) -> SummaryContent:
    """The summary of a timeline."""
    people = {p.identity: p.name for p in timeline.participants if p.kind == "person"}
    sentences = sentences_of(s for s in timeline.segments if s.identity in people)
    names = Names(timeline.participants)
    about = topics(sentences)
    minutes = (timeline.ended_ms - timeline.started_ms) / 60_000
    count = min(_MOST, max(_FEWEST, round(minutes * _SENTENCES_PER_MINUTE)))
    best = key_sentences(sentences, count)
    return SummaryContent(
        summary=_prose(people, sentences, about, best),
        summary_segment_ids=tuple(dict.fromkeys(s.segment_id for s in best)),
        topics=about,
        decisions=decisions(sentences),
        open_questions=open_questions(sentences),
        action_items=action_items(sentences, names, frozenset(people)),
    )


def _prose(
    people: dict[str, str],
    sentences: list[Sentence],
    about: tuple[Topic, ...],
    best: list[Sentence],
) -> str:
    if not sentences:
        return "Nobody said anything that was understood."
    spoke = list(dict.fromkeys(people[s.identity] for s in sentences))
    titles = "; ".join(t.title for t in about[:4])
    opening = f"{_listed(spoke)} spoke." + (f" Topics: {titles}." if titles else "")
    said = " ".join(f"{people[s.identity]}: {_closed(s.text)}" for s in best)
    return f"{opening} {said}".strip()


def _listed(names: list[str]) -> str:
    if len(names) > 6:
        return f"{', '.join(names[:5])} and {len(names) - 5} others"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _closed(text: str) -> str:
    shown = text[:1].upper() + text[1:]
    return shown if shown[-1:] in {".", "!", "?"} else f"{shown}."
