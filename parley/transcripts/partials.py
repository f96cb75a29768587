"""What speakers are saying now, on its way to readers: only ever the newest of each track.

Partials are in no database. A reader who is slow misses updates that newer ones have overtaken, so
what waits for them is at most one a track.
"""

import asyncio

from parley.domain.base import Record


class Partial(Record):
    """What is recognised so far of an utterance that goes on.

    Attributes:
        id: the segment that it will be.
        track_sid: the track.
        identity: the speaker's participant identity.
        name: the speaker's name.
        start_ms: when it began, ms since the epoch.
        end_ms: up to when was listened.
        text: its words so far; empty takes it back.
        final: nothing more comes of it; with words it is a segment now.
    """

    id: str
    track_sid: str
    identity: str
    name: str
    start_ms: int
    end_ms: int
    text: str
    final: bool = False


class Newest:
    """What waits for one reader; on one event loop."""

    def __init__(self) -> None:
        """Start with nothing waiting."""
        self._waiting: dict[str, Partial] = {}
        self._some = asyncio.Event()

    def put(self, partial: Partial) -> None:
        """Hand over an update; it takes the place of the track's last one."""
        self._waiting.pop(partial.track_sid, None)
        self._waiting[partial.track_sid] = partial
        self._some.set()

    def wake(self) -> None:
        """End a wait although nothing waits."""
        self._some.set()

    def take(self) -> list[Partial]:
        """What waits, oldest first."""
        found = list(self._waiting.values())
        self._waiting.clear()
        self._some.clear()
        return found

    async def wait(self, limit_s: float) -> bool:
        """Wait until something waits; False after so many seconds without."""
        try:
            async with asyncio.timeout(limit_s):
                await self._some.wait()
        except TimeoutError:
            return False
        return True
