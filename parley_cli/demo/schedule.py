"""Lay a screenplay out in time, once the length of each spoken line is known."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from parley_cli.demo.script import Join, Leave, Mute, Say, Script, Unmute

Span = tuple[int, int]


@dataclass(frozen=True)
class ScheduledLine:
    """One line: the index among the script's `Say` events and its times from the start, in ms."""

    index: int
    identity: str
    text: str
    start_ms: int
    end_ms: int


@dataclass
class Presence:
    """One stay in the room, from joining to leaving, with the stretches it is muted, in ms."""

    identity: str
    join_ms: int
    leave_ms: int
    mutes: list[Span] = field(default_factory=list)


@dataclass(frozen=True)
class Schedule:
    """The meeting in absolute order; times are ms from its start."""

    lines: tuple[ScheduledLine, ...]
    presences: tuple[Presence, ...]
    end_ms: int

    def overlaps(self) -> list[Span]:
        """The stretches in which two or more people speak at once."""
        spans = []
        for position, line in enumerate(self.lines):
            for other in self.lines[position + 1 :]:
                first, last = max(line.start_ms, other.start_ms), min(line.end_ms, other.end_ms)
                if first < last and line.identity != other.identity:
                    spans.append((first, last))
        return spans


def schedule(script: Script, durations_ms: Sequence[int]) -> Schedule:
    """Place every event of the script.

    Args:
        script: the screenplay.
        durations_ms: length of each `Say` event's sound, in their order.

    Raises:
        ValueError: the screenplay lets somebody speak who isn't there, is muted or still speaks.
    """
    lengths = iter(durations_ms)
    spoken_until = 0  # end of all lines so far
    busy_until: dict[str, int] = {}
    here: dict[str, Presence] = {}
    muted_since: dict[str, int] = {}
    lines: list[ScheduledLine] = []
    presences: list[Presence] = []
    for event in script.events:
        at, who = max(spoken_until + event.gap_ms, 0), event.identity
        match event:
            case Join():
                here[who] = Presence(who, at, -1)
                presences.append(here[who])
            case Leave():
                here.pop(who).leave_ms = at
            case Mute():
                muted_since[who] = at
            case Unmute():
                here[who].mutes.append((muted_since.pop(who), at))
            case Say():
                if who not in here or who in muted_since or at < busy_until.get(who, 0):
                    raise ValueError(f"{who} can't say {event.text!r} at {at} ms")
                end = at + next(lengths)
                lines.append(ScheduledLine(len(lines), who, event.text, at, end))
                busy_until[who] = end
                spoken_until = max(spoken_until, end)
    end_ms = spoken_until + script.tail_ms
    for presence in here.values():
        presence.leave_ms = end_ms
    return Schedule(tuple(lines), tuple(presences), end_ms)
