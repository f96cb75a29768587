"""The `deliveries` collection: a document a room, with all that others were told of it."""

from collections.abc import AsyncIterator
from contextlib import suppress

from parley.domain.delivery import Delivery, DeliveryStatus
from parley.errors import DuplicateError
from parley.storage.database import Database


class DeliveryStore:
    """Reads and conditional writes of deliveries; every method can be called twice."""

    def __init__(self, database: Database) -> None:
        """Use the `deliveries` collection of this database."""
        self._rooms = database.collection("deliveries")

    async def add(self, delivery: Delivery) -> None:
        """Note a delivery that is to be made; one that is noted already stays as it is."""
        room_sid, at = delivery.event.room_sid, f"deliveries.{delivery.key}"
        with suppress(DuplicateError):
            await self._rooms.insert(
                {"_id": room_sid, "deliveries": {}, "open": [], "pending": False}
            )
        await self._rooms.update(
            {"_id": room_sid, at: None},
            {
                "$set": {at: delivery.model_dump(mode="json"), "pending": True},
                "$addToSet": {"open": delivery.key},
            },
        )

    async def of_room(self, room_sid: str) -> list[Delivery]:
        """A room's deliveries, oldest event first."""
        document = await self._rooms.get(room_sid)
        held = (document or {}).get("deliveries", {}).values()
        found = [Delivery.model_validate(one) for one in held]
        return sorted(found, key=lambda one: (one.event.at_ms, one.event_id, one.endpoint))

    async def rooms_with_open(self) -> AsyncIterator[str]:
        """The rooms of which something is still to be told; a scan on the embedded database."""
        async for document in self._rooms.scan({"pending": True}, {"_id": 1}):
            yield document["_id"]

    async def claim(self, delivery: Delivery, now_ms: int, hold_ms: int) -> bool:
        """Become the one who tries a delivery that is due, for so long."""
        at = f"deliveries.{delivery.key}"
        return await self._rooms.update(
            {
                "_id": delivery.event.room_sid,
                f"{at}.status": DeliveryStatus.PENDING.value,
                f"{at}.next_ms": {"$lte": now_ms},
            },
            {"$set": {f"{at}.next_ms": now_ms + hold_ms}},
        )

    async def save(self, delivery: Delivery) -> None:
        """Store what became of a delivery that this caller claimed."""
        room_sid, at = delivery.event.room_sid, f"deliveries.{delivery.key}"
        await self._rooms.update(
            {"_id": room_sid, f"{at}.status": DeliveryStatus.PENDING.value},
            {"$set": {at: delivery.model_dump(mode="json")}},
        )
        if delivery.status is not DeliveryStatus.PENDING:
            await self._rooms.update({"_id": room_sid}, {"$pull": {"open": delivery.key}})
            await self._rooms.update({"_id": room_sid, "open": []}, {"$set": {"pending": False}})

    async def delete(self, room_sid: str) -> None:
        """Forget what was told of a room."""
        await self._rooms.delete([room_sid])
