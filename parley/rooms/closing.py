"""How a room is finalised on request, while people may still be speaking in it."""

import json

from parley.blobs import BlobStore
from parley.clock import Clock, wall_clock_ms
from parley.domain.room import Room, RoomStatus
from parley.errors import LiveKitError, NotFoundError
from parley.livekit_api import LiveKit
from parley.rooms.completion import finalize_room
from parley.rooms.registry import sweep_room
from parley.storage import Stores
from parley.telemetry.logs import get_logger

log = get_logger("closing")
CONTROL_TOPIC = "parley_control"


async def close_room(
    stores: Stores,
    blobs: BlobStore,
    livekit: LiveKit,
    room_sid: str,
    clock: Clock = wall_clock_ms,
) -> Room:
    """Take in what is published now, accept no more, and tell the agent to end its recordings.

    Repeatable. The agent is told again by every call, so a lost packet is mended by calling again.

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
        await _tell_agent(livekit, room)
    return room


async def _tell_agent(livekit: LiveKit, room: Room) -> None:
    try:
        await livekit.send_data(
            room.name, CONTROL_TOPIC, json.dumps({"type": "finalize", "room": room.id}).encode()
        )
    except NotFoundError:
        return  # nobody is in it any more
    except LiveKitError as error:
        log.warning("the agent could not be told", room_sid=room.id, reason=error.code)
