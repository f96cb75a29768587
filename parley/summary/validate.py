"""What every summary must keep: cited segments exist, and only people who were there have work.

What does not hold is repaired once, if there is one right way to, and else dropped and counted.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from parley.domain.summary import (
    ParticipantAction,
    ParticipantActions,
    Statement,
    SummaryContent,
    Topic,
)
from parley.domain.timeline import Timeline, TimelineSegment

Cited = TypeVar("Cited", ParticipantAction, Statement)

_ID = re.compile(r"[A-Za-z0-9_-]+\.(?:live|final)\.\d+")
_WORD = re.compile(r"[^\W_]{3,}")
_ENOUGH_SHARED = 0.6  # of a statement's words, for a segment to be what it rests on


@dataclass(frozen=True)
class Checked:
    """A content that keeps the rules, and how many citations, items and identities were dropped."""

    content: SummaryContent
    dropped: int


def checked(content: SummaryContent, timeline: Timeline) -> Checked:
    """Make a content keep the rules.

    - Every cited id is a segment of the timeline whose speaker is one of its participants.
    - Every identity is a participant's; a participant is listed once.
    - Actions, decisions and open questions cite at least one segment.
    - Topics lie within the meeting.
    """
    check = _Check(timeline)
    actions = check.actions(content.action_items)
    return Checked(
        SummaryContent(
            summary=content.summary,
            summary_segment_ids=check.ids(content.summary_segment_ids),
            topics=tuple(t for topic in content.topics if (t := check.topic(topic))),
            decisions=check.items(content.decisions),
            open_questions=check.items(content.open_questions),
            action_items=actions,
        ),
        check.dropped,
    )


@dataclass
class _Check:
    timeline: Timeline
    dropped: int = 0
    segments: dict[str, TimelineSegment] = field(init=False)
    called: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        people = {p.identity for p in self.timeline.participants}
        self.segments = {s.id: s for s in self.timeline.segments if s.identity in people}
        self.called = _called(self.timeline)

    def ids(self, cited: Iterable[str]) -> tuple[str, ...]:
        """The cited ids that are right, or can be made right; each once."""
        kept: dict[str, None] = {}
        for one in cited:
            right = self._id(one)
            if right is None:
                self.dropped += 1
            else:
                kept[right] = None
        return tuple(kept)

    def items(self, items: Sequence[Cited], identity: str | None = None) -> tuple[Cited, ...]:
        """The items that rest on something said."""
        kept = []
        for item in items:
            cited = self.ids(item.segment_ids) or self._said_where(item.text, identity)
            if cited and item.text.strip():
                kept.append(item.model_copy(update={"segment_ids": cited}))
            else:
                self.dropped += 1
        return tuple(kept)

    def actions(self, lists: Iterable[ParticipantActions]) -> tuple[ParticipantActions, ...]:
        """The actions of people who were there, one list each."""
        merged: dict[str, tuple[ParticipantAction, ...]] = {}
        for one in lists:
            identity = self.called.get(_plain(one.participant_identity))
            if identity is None:
                self.dropped += max(1, len(one.participant_actions))
                continue
            items = self.items(one.participant_actions, identity)
            merged[identity] = merged.get(identity, ()) + items
        return tuple(
            ParticipantActions(participant_identity=identity, participant_actions=items)
            for identity, items in merged.items()
            if items
        )

    def topic(self, topic: Topic) -> Topic | None:
        """The topic within the meeting; without times of its own, those of what it cites."""
        cited = self.ids(topic.segment_ids)
        begin, end = sorted((topic.start_ms, topic.end_ms))
        begin, end = max(begin, self.timeline.started_ms), min(end, self.timeline.ended_ms)
        if begin >= end and cited:
            begin = min(self.segments[i].start_ms for i in cited)
            end = max(self.segments[i].end_ms for i in cited)
        if begin > end or not topic.title.strip():
            self.dropped += 1
            return None
        return Topic(title=topic.title, start_ms=begin, end_ms=end, segment_ids=cited)

    def _id(self, cited: str) -> str | None:
        if cited in self.segments:
            return cited
        found = _ID.search(cited)  # "[TR_a.final.3]", "id: TR_a.final.3"
        return found.group() if found and found.group() in self.segments else None

    def _said_where(self, text: str, identity: str | None) -> tuple[str, ...]:
        """The one segment that says this best, if one clearly does."""
        words = set(_WORD.findall(text.lower()))
        if not words:
            return ()
        shared = Counter(
            {
                s.id: len(words & set(_WORD.findall(s.text.lower())))
                for s in self.segments.values()
                if identity is None or identity == s.identity
            }
        )
        best = shared.most_common(1)
        return (best[0][0],) if best and best[0][1] / len(words) >= _ENOUGH_SHARED else ()


def _called(timeline: Timeline) -> dict[str, str]:
    """Identity by what somebody may be called: identity, name, first name; the unclear left out."""
    people = [p for p in timeline.participants if p.kind == "person"]
    exact = {_plain(p.identity): p.identity for p in people}
    ways: dict[str, set[str]] = {}
    for person in people:
        name = _plain(person.name)
        for way in (name, name.split(" ")[0]):
            if way and way not in exact:
                ways.setdefault(way, set()).add(person.identity)
    return exact | {way: next(iter(who)) for way, who in ways.items() if len(who) == 1}


def _plain(name: str) -> str:
    return " ".join(name.lower().split())
