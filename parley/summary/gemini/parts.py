"""Long meetings: cut into parts that one request can take, and their minutes merged again."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from parley.domain.summary import (
    ParticipantAction,
    ParticipantActions,
    Statement,
    SummaryContent,
)
from parley.domain.timeline import TimelineSegment

_TOKENS_PER_SEGMENT = 25  # ids, identity, time and punctuation of its line
_CHARACTERS_PER_TOKEN = 4
_WORD = re.compile(r"[^\W_]{3,}")
_SAME = 0.8  # of the words of the shorter of two items

Item = TypeVar("Item", ParticipantAction, Statement)


def tokens_of(segments: Iterable[TimelineSegment]) -> int:
    """About how many tokens of a prompt the segments take."""
    return sum(_TOKENS_PER_SEGMENT + len(s.text) // _CHARACTERS_PER_TOKEN for s in segments)


def cut_meeting(
    segments: Sequence[TimelineSegment], *, max_ms: int, max_tokens: int
) -> list[list[TimelineSegment]]:
    """Cut a meeting into parts within both limits, at the longest pause of a part's last third.

    Args:
        segments: in order.
        max_ms: longest part, in ms.
        max_tokens: most tokens of a part; a single longer segment is a part of its own.
    """
    parts: list[list[TimelineSegment]] = []
    rest = list(segments)
    while rest:
        size = _that_fit(rest, max_ms, max_tokens)
        if size < len(rest):
            first = max(1, size - size // 3)
            size = max(range(first, size + 1), key=lambda n: (_pause_before(rest, n), n))
        parts.append(rest[:size])
        rest = rest[size:]
    return parts


def merged(contents: Sequence[SummaryContent]) -> SummaryContent:
    """The minutes of all parts as one; what two parts say is said once, with both citations."""
    actions: dict[str, list[ParticipantAction]] = {}
    for content in contents:
        for one in content.action_items:
            known = actions.setdefault(one.participant_identity, [])
            known[:] = _joined(known, one.participant_actions)
    return SummaryContent(
        summary=" ".join(c.summary for c in contents),
        summary_segment_ids=tuple(
            dict.fromkeys(i for c in contents for i in c.summary_segment_ids)
        ),
        topics=tuple(t for c in contents for t in c.topics),
        decisions=_all(contents, lambda c: c.decisions),
        open_questions=_all(contents, lambda c: c.open_questions),
        action_items=tuple(
            ParticipantActions(participant_identity=identity, participant_actions=tuple(items))
            for identity, items in actions.items()
        ),
    )


def _that_fit(segments: Sequence[TimelineSegment], max_ms: int, max_tokens: int) -> int:
    tokens = 0
    for n, segment in enumerate(segments):
        tokens += tokens_of([segment])
        too_long = segment.end_ms - segments[0].start_ms > max_ms
        if n and (too_long or tokens > max_tokens):
            return n
    return len(segments)


def _pause_before(segments: Sequence[TimelineSegment], n: int) -> int:
    return segments[n].start_ms - max(s.end_ms for s in segments[max(0, n - 5) : n])


def _all(
    contents: Sequence[SummaryContent], of: Callable[[SummaryContent], tuple[Statement, ...]]
) -> tuple[Statement, ...]:
    found: list[Statement] = []
    for content in contents:
        found = _joined(found, of(content))
    return tuple(found)


def _joined(known: Sequence[Item], more: Iterable[Item]) -> list[Item]:
    joined: list[Item] = list(known)
    for item in more:
        for n, other in enumerate(joined):
            if _same(item.text, other.text):
                joined[n] = _both(other, item)
                break
        else:
            joined.append(item)
    return joined


def _both(earlier: Item, later: Item) -> Item:
    """The earlier item with the citations of both, and the later one's deadline."""
    cited = tuple(dict.fromkeys((*earlier.segment_ids, *later.segment_ids)))
    due = getattr(later, "due", None) or getattr(earlier, "due", None)
    return earlier.model_copy(update={"segment_ids": cited} | ({"due": due} if due else {}))


def _same(one: str, other: str) -> bool:
    a, b = (set(_WORD.findall(text.lower())) for text in (one, other))
    return bool(a and b) and len(a & b) / min(len(a), len(b)) >= _SAME
