"""The `events` collection: webhook events that were handled, so that a repeat is seen."""

from parley.storage.database import Database
from parley.storage.group_insert import GroupInsert


class EventStore:
    """Remembers event ids; an insert fails for one that is known."""

    def __init__(self, database: Database) -> None:
        """Use the `events` collection of this database."""
        self._events = database.collection("events")
        self._insert = GroupInsert(self._events)

    async def record(self, event_id: str, kind: str, now_ms: int) -> bool:
        """Note that an event was handled; False when it was noted before.

        It is noted afterwards, so a handler that dies leaves no trace, and the sender's retry is
        handled as if it were the first. What an event does can therefore happen twice, which every
        handler allows for.
        """
        return await self._insert.insert({"_id": event_id, "kind": kind, "handled_ms": now_ms})

    async def forget_before(self, before_ms: int) -> int:
        """Delete events that were handled before a time; returns how many."""
        old = self._events.scan({"handled_ms": {"$lt": before_ms}}, {"_id": 1})
        return await self._events.delete([event["_id"] async for event in old])
