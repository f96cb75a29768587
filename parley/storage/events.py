"""The `events` collection: webhook events that were handled, so that a repeat is seen."""

from parley.errors import DuplicateError
from parley.storage.database import Database

# LiveKit's first retry comes after a second, its later ones double; handlers are idempotent.
STALE_MS = 2_000


class EventStore:
    """Claims event ids: insert is the claim, a duplicate fails the insert."""

    def __init__(self, database: Database) -> None:
        """Use the `events` collection of this database."""
        self._events = database.collection("events")

    async def claim(self, event_id: str, kind: str, now_ms: int) -> bool:
        """Claim an event; False when it was handled, or is being handled now.

        A claim that was neither finished nor released belongs to a process that died: after
        `STALE_MS` the sender's retry takes it over.
        """
        try:
            await self._events.insert(
                {"_id": event_id, "kind": kind, "claimed_ms": now_ms, "done": False}
            )
        except DuplicateError:
            return await self._events.update(
                {"_id": event_id, "done": False, "claimed_ms": {"$lt": now_ms - STALE_MS}},
                {"$set": {"claimed_ms": now_ms}},
            )
        return True

    async def done(self, event_id: str) -> None:
        """Note that an event was handled for good."""
        await self._events.update({"_id": event_id}, {"$set": {"done": True}})

    async def release(self, event_id: str) -> None:
        """Give a claim back after its handling failed, so that the sender's retry is handled."""
        await self._events.delete([event_id])

    async def forget_before(self, before_ms: int) -> int:
        """Delete events that were claimed before a time; returns how many."""
        old = self._events.scan({"claimed_ms": {"$lt": before_ms}}, {"_id": 1})
        return await self._events.delete([event["_id"] async for event in old])
