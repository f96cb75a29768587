"""How a room is finalised on request, while people may still be speaking in it."""

from parley.blobs import BlobStore
from parley.clock import Clock, wall_clock_ms
from parley.domain.room import Room, RoomStatus
from parley.livekit_api import LiveKit
from parley.rooms.completion import finalize_room
from parley.rooms.recording import recording_method
from parley.rooms.registry import sweep_room
from parley.storage import Stores


async def close_room(
    stores: Stores,
    blobs: BlobStore,
    livekit: LiveKit,
    room_sid: str,
    clock: Clock = wall_clock_ms,
) -> Room:
    """Take in what is published now, accept no more, and end the recordings.

    Repeatable. Recorders are told again by every call: a lost packet is mended by calling again.

    Raises:
        NotFoundError: the room is not registered.
        LiveKitUnavailableError: nobody can say now what is published; nothing was changed.
    """
    room = await stores.rooms.get(room_sid)
    if room.status is RoomStatus.ACTIVE:
        await sweep_room(stores, livekit, room, clock)
    await finalize_room(stores, blobs, room_sid, clock)
    room = await stores.rooms.get(room_sid)
    if room.status is not RoomStatus.COMPLETED:
        await recording_method(room, stores, livekit, clock).end(room)
    return room
