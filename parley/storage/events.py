"""The `events` collection: webhook events that were handled, so that a repeat is seen."""

from parley.errors import DuplicateError
from parley.storage.database import Database


class EventStore:
    """Claims event ids: insert is the claim, a duplicate fails the insert."""

    def __init__(self, database: Database) -> None:
        """Use the `events` collection of this database."""
        self._events = database.collection("events")

    async def claim(self, event_id: str, kind: str, now_ms: int) -> bool:
        """Claim an event; False when it was claimed before."""
        try:
            await self._events.insert({"_id": event_id, "kind": kind, "claimed_ms": now_ms})
        except DuplicateError:
            return False
        return True

    async def release(self, event_id: str) -> None:
        """Give a claim back after its handling failed, so that the sender's retry is handled."""
        await self._events.delete([event_id])
