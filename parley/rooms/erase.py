"""How a room is erased: objects, words, summary, documents; a tombstone stays."""

from parley.blobs import BlobStore, egress_prefix, summary_key, timeline_key
from parley.clock import Clock, wall_clock_ms
from parley.domain.room import RoomStatus
from parley.errors import ConflictError
from parley.storage import Stores
from parley.storage.tombstones import Tombstone
from parley.telemetry.logs import get_logger

log = get_logger("erase")


async def erase_room(
    stores: Stores, blobs: BlobStore, room_sid: str, *, by: str, clock: Clock = wall_clock_ms
) -> None:
    """Erase everything of a room that is over; repeatable, also after it died half-way.

    The tombstone is written first and the room's document goes last, so a half-erased room can be
    erased again, and whatever arrives late finds no room to belong to.

    Args:
        stores: the database.
        blobs: the object store.
        room_sid: room.
        by: who wants it.
        clock: the time.

    Raises:
        NotFoundError: the room is not registered.
        ConflictError: it is still active.
    """
    room = await stores.rooms.get(room_sid)
    if room.status is RoomStatus.ACTIVE:
        raise ConflictError("the room is still active: finalise it first")
    await stores.tombstones.put(Tombstone(room_sid=room_sid, erased_ms=clock(), by=by))
    await erase_objects(blobs, room_sid)
    await stores.summaries.delete(room_sid)
    await stores.deliveries.delete(room_sid)
    await stores.chunks.delete(await stores.chunks.ids_of_room(room_sid))
    await stores.tracks.delete(room.tracks)
    await stores.rooms.delete(room_sid)
    log.info("room erased", room_sid=room_sid)


async def erase_objects(blobs: BlobStore, room_sid: str) -> int:
    """Delete a room's objects; returns how many recordings and manifests there were."""
    keys = await blobs.list_keys(f"recordings/{room_sid}/")
    keys += await blobs.list_keys(egress_prefix(room_sid))
    keys += await blobs.list_keys(f"parts/{room_sid}/")
    await blobs.delete([*keys, timeline_key(room_sid), summary_key(room_sid)])
    return len(keys)
