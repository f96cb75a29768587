"""The `summaries` collection: one document a room; a new one of the same input replaces it."""

from parley.domain.summary import Summary
from parley.storage.database import Database


class SummaryStore:
    """Reads and writes summaries by the room's sid."""

    def __init__(self, database: Database) -> None:
        """Use the `summaries` collection of this database."""
        self._summaries = database.collection("summaries")

    async def find(self, room_sid: str) -> Summary | None:
        """The room's summary, or None."""
        document = await self._summaries.get(room_sid)
        return Summary.model_validate(document) if document else None

    async def put(self, summary: Summary) -> None:
        """Store the room's summary."""
        await self._summaries.put(summary.model_dump(by_alias=True, mode="json"))

    async def delete(self, room_sid: str) -> None:
        """Forget the room's summary."""
        await self._summaries.delete([room_sid])
