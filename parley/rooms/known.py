"""Which rooms are registered, remembered for a moment: webhooks come in bursts about one room.

What is remembered may be out of date, so it decides nothing: whether a room takes a track, or is
there at all, is part of the write itself. That nothing is known of a room is never remembered, for
it may be registered at any time.
"""

import time
from collections import OrderedDict
from collections.abc import Callable

from parley.domain.room import Room
from parley.storage import RoomStore


class KnownRooms:
    """Finds rooms, each read from the database at most once in two seconds."""

    def __init__(
        self,
        *,
        keep_s: float = 2.0,
        most: int = 1_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Remember at most so many rooms, each for so long."""
        self._keep_s, self._most, self._monotonic = keep_s, most, monotonic
        self._known: OrderedDict[str, tuple[float, Room]] = OrderedDict()

    async def find(self, rooms: RoomStore, sid: str) -> Room | None:
        """The room as it was a moment ago, or None; without its tracks, which change all the time.

        A writer who knows of no track asks the database for each, which refuses where the room is
        final or erased by now.
        """
        now = self._monotonic()
        while self._known and next(iter(self._known.values()))[0] < now - self._keep_s:
            self._known.popitem(last=False)
        if sid in self._known:
            return self._known[sid][1]
        room = await rooms.find(sid)
        if room is None:
            return None
        room = room.model_copy(update={"tracks": (), "pending_tracks": ()})
        self._known[sid] = (now, room)
        self._known.move_to_end(sid)
        if len(self._known) > self._most:
            self._known.popitem(last=False)
        return room

    def forget(self, sid: str) -> None:
        """Read the room anew the next time."""
        self._known.pop(sid, None)
