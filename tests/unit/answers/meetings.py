"""Meetings to ask about: the benchmark's, as they are written or as a recogniser writes them."""

import re

from bench.summary import MEETINGS, load_meeting
from parley.answers.engine import Question, Recollection
from parley.domain.segment import Version
from parley.domain.timeline import TimelineParticipant, TimelineSegment


def recollection(name: str, *, recognised: bool) -> Recollection:
    """A benchmark meeting; `recognised` takes capitals and punctuation out."""
    timeline, _ = load_meeting(MEETINGS / f"{name}.json")
    segments = tuple(
        s.model_copy(update={"text": as_recognised(s.text)}) if recognised else s
        for s in timeline.segments
    )
    return Recollection(timeline.participants, segments)


def as_recognised(text: str) -> str:
    return re.sub(r"[^a-z0-9' ]", "", text.lower())


def said(*lines: tuple[str, str]) -> Recollection:
    """A meeting of these lines, `(identity, text)`."""
    segments = tuple(
        TimelineSegment(
            id=f"TR_{who}.live.{n}",
            track_sid=f"TR_{who}",
            identity=who,
            version=Version.LIVE,
            start_ms=n * 4_000,
            end_ms=n * 4_000 + 3_000,
            text=text,
            confidence=0.9,
        )
        for n, (who, text) in enumerate(lines)
    )
    people = dict.fromkeys(who for who, _ in lines)
    names = tuple(TimelineParticipant(identity=who, name=who.title()) for who in people)
    return Recollection(names, segments)


def question(text: str, asker: str = "ben", *, addressed: bool = True) -> Question:
    return Question(text, asker, 10_000_000, addressed=addressed)
