"""A room's transcript as it is spoken: finished utterances, and below them what is being said.

In a terminal the current words of each speaker stand below the transcript and change in place;
elsewhere they are lines that begin with `…`, at most one a second and speaker.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from parley.errors import ParleyError
from parley_cli.commands.printing import offset_time

_AGAIN_S = 2.0
Segment = dict[str, Any]


class Source(Protocol):
    """The part of the API that is followed."""

    def transcript(
        self, sid: str, *, follow_every_s: float | None = None, **query: Any
    ) -> AsyncIterator[Segment]:
        """Segments, until the room is completed."""

    def partials(self, sid: str) -> AsyncIterator[Segment]:
        """What is recognised so far, until the stream ends."""


class Saying:
    """The current words of each track."""

    def __init__(self) -> None:
        """Start with nobody speaking."""
        self._now: dict[str, Segment] = {}
        self._said: dict[str, int] = {}

    def note(self, partial: Segment) -> None:
        """Take in a partial; one of an utterance that is finished comes too late."""
        track, number = _place(partial["id"])
        if number <= self._said.get(track, -1):
            return
        if partial["text"]:
            self._now[track] = partial
        else:
            self._now.pop(track, None)

    def finished(self, segment: Segment) -> None:
        """A finished utterance takes the place of its partial."""
        track, number = _place(segment["id"])
        self._said[track] = max(number, self._said.get(track, -1))
        if track in self._now and _place(self._now[track]["id"])[1] <= number:
            del self._now[track]

    @property
    def now(self) -> list[Segment]:
        """The partials, by when they began."""
        return sorted(self._now.values(), key=lambda p: (p["start_ms"], p["track_sid"]))


def _place(segment_id: str) -> tuple[str, int]:
    track, _, number = segment_id.rsplit(".", 2)
    return track, int(number)


def line_of(segment: Segment, start_ms: int) -> Text:
    """A finished utterance: when, who, what."""
    return Text.assemble(
        (f"{offset_time(segment['start_ms'] - start_ms):>7}  ", "dim"),
        (f"{segment.get('name') or segment['identity']}  ", "bold"),
        segment["text"],
    )


class Screen:
    """Where a followed transcript is shown."""

    def __init__(self, console: Console, *, partials: bool = True) -> None:
        """Print here; in a terminal with what is being said below."""
        self._console = console
        self._live: Live | None = None
        if partials and console.is_terminal:
            self._live = Live(console=console, transient=True, auto_refresh=False)
        self._shown: dict[str, str] = {}
        self._start_ms: int | None = None

    @property
    def every_s(self) -> float:
        """How often what is being said is to be shown anew."""
        return 0.15 if self._live else 1.0

    def opened(self) -> AbstractContextManager[object]:
        """Have the lower part of the terminal while the block runs."""
        return self._live or nullcontext()

    def print(self, segment: Segment, partials: list[Segment]) -> None:
        """Show a finished utterance, and what is being said now."""
        if self._live:
            self.draw(partials)
        self._start_ms = segment["start_ms"] if self._start_ms is None else self._start_ms
        self._console.print(line_of(segment, self._start_ms), soft_wrap=True)

    def draw(self, partials: list[Segment]) -> None:
        """Show what is being said now."""
        lines = {p["track_sid"]: _being_said(p) for p in partials}
        if self._live:
            self._live.update(Group(*lines.values()), refresh=True)
            return
        for track, line in lines.items():
            if self._shown.get(track) != line.plain:
                self._console.print(line, soft_wrap=True)
        self._shown = {track: line.plain for track, line in lines.items()}


def _being_said(partial: Segment) -> Text:
    name = partial.get("name") or partial["identity"]
    return Text.assemble(("      …  ", "dim"), (f"{name}  ", "bold dim"), (partial["text"], "dim"))


async def follow(
    source: Source,
    sid: str,
    screen: Screen,
    *,
    poll_s: float,
    partials: bool = True,
    sleep: Callable[[float], Any] = asyncio.sleep,
    **query: Any,
) -> None:
    """Show a room's transcript until the room is completed.

    Args:
        source: the API.
        sid: the room.
        screen: where it is shown.
        poll_s: how often finished utterances are asked for.
        partials: whether what is being said is shown too.
        sleep: waits so many seconds.
        query: filters of the API.
    """
    saying = Saying()
    tasks: list[asyncio.Task[None]] = []
    with screen.opened():
        if partials:
            tasks = [
                asyncio.create_task(_listen(source, sid, saying, sleep)),
                asyncio.create_task(_draw(screen, saying, sleep)),
            ]
        try:
            async for segment in source.transcript(sid, follow_every_s=poll_s, **query):
                saying.finished(segment)
                screen.print(segment, saying.now)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            screen.draw([])


async def _listen(source: Source, sid: str, saying: Saying, sleep: Callable[[float], Any]) -> None:
    while True:
        try:
            async for partial in source.partials(sid):
                saying.note(partial)
        except ParleyError:
            pass  # finished utterances come all the same, or say what is wrong
        await sleep(_AGAIN_S)


async def _draw(screen: Screen, saying: Saying, sleep: Callable[[float], Any]) -> None:
    while True:
        screen.draw(saying.now)
        await sleep(screen.every_s)
