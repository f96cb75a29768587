"""The `tombstones` collection: rooms that were erased, and nothing else about them."""

from collections.abc import AsyncIterator

from parley.domain.base import Record
from parley.storage.database import Database


class Tombstone(Record):
    """An erased room: when, and on whose word."""

    room_sid: str
    erased_ms: int
    by: str


class TombstoneStore:
    """Remembers which rooms were erased, so that nothing of them is taken in again."""

    def __init__(self, database: Database) -> None:
        """Use the `tombstones` collection of this database."""
        self._tombstones = database.collection("tombstones")

    async def put(self, tombstone: Tombstone) -> None:
        """Remember an erasure."""
        await self._tombstones.put({"_id": tombstone.room_sid, **tombstone.model_dump(mode="json")})

    async def find(self, room_sid: str) -> Tombstone | None:
        """The room's tombstone, or None."""
        document = await self._tombstones.get(room_sid)
        return Tombstone.model_validate(document) if document else None

    async def since(self, after_ms: int) -> AsyncIterator[Tombstone]:
        """Rooms erased after a time; a scan."""
        async for document in self._tombstones.scan({"erased_ms": {"$gt": after_ms}}):
            yield Tombstone.model_validate(document)
