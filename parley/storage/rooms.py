"""The `rooms` collection: registration, linking of tracks, and the one completion write."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from parley.domain.delivery import Event, EventKind
from parley.domain.room import Room, RoomOptions, RoomStatus
from parley.errors import DuplicateError, NotFoundError
from parley.storage.database import Database


@dataclass(frozen=True)
class RoomSearch:
    """What must hold of a room; absent parts let everything through.

    Attributes:
        status: its status.
        name: its exact name.
        participant: an identity that was seen in it.
        since_ms: registered at or after.
        until_ms: registered before.
        sids: it is one of these.
        after: the registration time and sid of the last one that was read already.
    """

    status: RoomStatus | None = None
    name: str | None = None
    participant: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    sids: tuple[str, ...] | None = None
    after: tuple[int, str] | None = None

    def query(self) -> dict[str, Any]:
        """All of it but the status, as conditions on the document."""
        conditions: list[dict[str, Any]] = []
        if self.name is not None:
            conditions.append({"name": self.name})
        if self.participant is not None:
            conditions.append({"participants": self.participant})
        if self.since_ms is not None:
            conditions.append({"registered_ms": {"$gte": self.since_ms}})
        if self.until_ms is not None:
            conditions.append({"registered_ms": {"$lt": self.until_ms}})
        if self.sids is not None:
            conditions.append({"_id": {"$in": list(self.sids)}})
        if self.after is not None:
            at_ms, sid = self.after
            older = {"registered_ms": {"$lt": at_ms}}
            conditions.append({"$or": [older, {"registered_ms": at_ms, "_id": {"$gt": sid}}]})
        return {"$and": conditions} if conditions else {}


class RoomStore:
    """Reads and conditional writes of room documents; every method can be called twice."""

    def __init__(self, database: Database, *, outbox: bool = False) -> None:
        """Use the `rooms` collection of this database.

        Args:
            database: the database.
            outbox: whether rooms note what is to be told of them.
        """
        self._rooms = database.collection("rooms")
        self._outbox = outbox

    async def register(self, sid: str, name: str, options: RoomOptions, now_ms: int) -> bool:
        """Start to process a room; a room that is already known stays as it is.

        Returns:
            Whether the room is new.
        """
        room = Room(id=sid, name=name, registered_ms=now_ms, options=options)
        try:
            await self._rooms.insert(room.model_dump(by_alias=True, mode="json"))
        except DuplicateError:
            return False
        return True

    async def find(self, sid: str) -> Room | None:
        """The room, or None."""
        document = await self._rooms.get(sid)
        return Room.model_validate(document) if document else None

    async def get(self, sid: str) -> Room:
        """The room; raises `NotFoundError`."""
        room = await self.find(sid)
        if room is None:
            raise NotFoundError(f"no room {sid} is registered")
        return room

    async def scan(
        self,
        *,
        status: RoomStatus | None = None,
        query: dict[str, Any] | None = None,
        limit: int = 0,
    ) -> AsyncIterator[Room]:
        """Rooms, newest first; a scan on the embedded database."""
        match: dict[str, Any] = dict(query or {})
        if status is not None:
            match["status"] = status.value
        async for document in self._rooms.scan(
            match, sort=[("registered_ms", -1), ("_id", 1)], limit=limit
        ):
            yield Room.model_validate(document)

    async def search(self, wanted: "RoomSearch", *, limit: int) -> AsyncIterator[Room]:
        """Rooms that match, newest first; a scan on the embedded database."""
        async for room in self.scan(status=wanted.status, query=wanted.query(), limit=limit):
            yield room

    async def link_track(self, sid: str, track_sid: str, published_ms: int) -> bool:
        """List a track in its room and await it.

        A room that is final takes only what was published before it became so, and of which the
        word came late (the database was away). A completed one waits again, and completes again.

        Args:
            sid: room.
            track_sid: track.
            published_ms: when the track began.

        Returns:
            Whether the track was added now. False: it came too late, or the room has it already.
        """
        before_the_end = [
            {"status": RoomStatus.ACTIVE.value},
            {"finalized_ms": {"$gt": published_ms}},
        ]
        change = {"$addToSet": {"tracks": track_sid, "pending_tracks": track_sid}}
        missing = {"_id": sid, "tracks": {"$ne": track_sid}}
        reopened = {"$set": {"status": RoomStatus.FINAL_ROOM.value}}
        if await self._rooms.update(
            missing | {"status": {"$ne": RoomStatus.COMPLETED.value}, "$or": before_the_end},
            change,
        ):
            return True
        return await self._rooms.update(
            missing | {"status": RoomStatus.COMPLETED.value, "finalized_ms": {"$gt": published_ms}},
            change | reopened,
        )

    async def note_participant(self, sid: str, identity: str) -> bool:
        """Remember that somebody was in the room; False when there is no such room."""
        return await self._rooms.update({"_id": sid}, {"$addToSet": {"participants": identity}})

    async def note_ended(self, sid: str, at_ms: int) -> None:
        """Note when LiveKit said that the room is over; the first note stays."""
        await self._rooms.update({"_id": sid, "ended_ms": None}, {"$set": {"ended_ms": at_ms}})

    async def note_empty_since(self, sid: str, at_ms: int | None) -> None:
        """Note since when nobody is in the room, or with None that somebody is."""
        await self._rooms.update({"_id": sid}, {"$set": {"empty_since_ms": at_ms}})

    async def settle_track(
        self, sid: str, track_sid: str, *, transcribed_ms: int | None = None
    ) -> None:
        """No longer wait for a track (its status is final).

        Args:
            sid: room.
            track_sid: track.
            transcribed_ms: the time, when the track has a final transcript.
        """
        query: dict[str, Any] = {"_id": sid}
        change: dict[str, Any] = {"$pull": {"pending_tracks": track_sid}}
        if transcribed_ms is not None and self._outbox:
            query["pending_tracks"] = track_sid  # told by the first caller alone
            change |= self._told(EventKind.TRANSCRIPT_FINAL, sid, track_sid, transcribed_ms)
        await self._rooms.update(query, change)

    async def finalize(self, sid: str, now_ms: int) -> bool:
        """Accept no more tracks; True for the one caller that changed the status."""
        return await self._rooms.update(
            {"_id": sid, "status": RoomStatus.ACTIVE.value},
            {"$set": {"status": RoomStatus.FINAL_ROOM.value, "finalized_ms": now_ms}},
        )

    async def complete(self, sid: str, now_ms: int) -> bool:
        """The one conditional write by which a room completes; True for exactly one caller."""
        change = self._told(EventKind.ROOM_COMPLETED, sid, sid, now_ms)
        change.setdefault("$set", {}).update(
            {"status": RoomStatus.COMPLETED.value, "completed_ms": now_ms}
        )
        return await self._rooms.update(
            {"_id": sid, "status": RoomStatus.FINAL_ROOM.value, "pending_tracks": []}, change
        )

    async def set_summary(self, sid: str, **state: Any) -> None:
        """Set fields of the room's summary state (`status`, `input_hash`, `error`)."""
        await self._rooms.update(
            {"_id": sid}, {"$set": {f"summary.{name}": value for name, value in state.items()}}
        )

    async def summary_done(self, sid: str, input_hash: str, created_ms: int) -> None:
        """Note that the room's summary of this input is stored."""
        change = self._told(EventKind.SUMMARY_READY, sid, sid, created_ms)
        change.setdefault("$set", {}).update(
            {"summary.status": "done", "summary.input_hash": input_hash, "summary.error": None}
        )
        await self._rooms.update({"_id": sid}, change)

    async def take_out(self, sid: str, line: str) -> None:
        """Take a line out of the outbox: its deliveries are stored."""
        await self._rooms.update({"_id": sid}, {"$pull": {"outbox": line}})
        await self._rooms.update({"_id": sid, "outbox": []}, {"$set": {"announcing": False}})

    def _told(self, kind: EventKind, sid: str, subject: str, at_ms: int) -> dict[str, Any]:
        """The part of a write that puts an event into the outbox."""
        if not self._outbox:
            return {}
        line = Event(kind=kind, room_sid=sid, subject=subject, at_ms=at_ms).line
        return {"$addToSet": {"outbox": line}, "$set": {"announcing": True}}

    async def update_options(self, sid: str, options: RoomOptions) -> bool:
        """Replace a room's options."""
        return await self._rooms.update(
            {"_id": sid}, {"$set": {"options": options.model_dump(mode="json")}}
        )

    async def delete(self, sid: str) -> None:
        """Forget the room document."""
        await self._rooms.delete([sid])
