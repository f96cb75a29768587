"""How a room comes to be processed: opened by us or announced by its agent, then swept."""

from dataclasses import dataclass

from parley.clock import Clock, wall_clock_ms
from parley.domain.room import Room, RoomOptions
from parley.errors import ConflictError, NotFoundError
from parley.livekit_api import LiveKit, LiveParticipant
from parley.rooms.tracks import publish_track
from parley.storage import Stores
from parley.telemetry.logs import get_logger

log = get_logger("registry")
LANGUAGE_ATTRIBUTE = "language"


@dataclass(frozen=True)
class Registration:
    """What a registration found.

    Attributes:
        room: the room as it is now.
        new: whether it was not registered before.
        swept: audio tracks that were already published.
    """

    room: Room
    new: bool
    swept: int


async def open_room(
    stores: Stores,
    livekit: LiveKit,
    *,
    name: str,
    options: RoomOptions,
    agent_name: str,
    clock: Clock = wall_clock_ms,
) -> Registration:
    """Open a room in LiveKit (or take the open one of this name), register it, send the agent in.

    Repeatable: a caller whose call failed half-way calls again.

    Raises:
        LiveKitError: LiveKit refused or cannot be reached.
    """
    live = await livekit.create_room(name)
    new = await stores.rooms.register(live.sid, live.name, options, clock())
    if not await livekit.agent_at_work(name, agent_name, clock()):
        await livekit.dispatch_agent(name, agent_name)
    return await _registered(stores, livekit, live.sid, new, clock)


async def register_room(
    stores: Stores,
    livekit: LiveKit,
    *,
    sid: str,
    name: str | None,
    options: RoomOptions,
    clock: Clock = wall_clock_ms,
) -> Registration:
    """Register an open room that its agent was sent into by other means; repeatable.

    Args:
        stores: the database.
        livekit: LiveKit's API.
        sid: the room's sid.
        name: its name, else it is looked up.
        options: what to do with it; a room that is known keeps its own.
        clock: the time.

    Raises:
        NotFoundError: LiveKit has no open room with this sid.
        ConflictError: the room was erased.
    """
    known = await stores.rooms.find(sid)
    if known is not None:
        return await _registered(stores, livekit, sid, False, clock)
    open_rooms = await livekit.list_rooms([name] if name else [])
    live = next((room for room in open_rooms if room.sid == sid), None)
    if live is None:
        raise NotFoundError(f"LiveKit has no open room {sid}")
    if await stores.tombstones.find(sid) is not None:
        raise ConflictError(f"room {sid} was erased")
    new = await stores.rooms.register(sid, live.name, options, clock())
    return await _registered(stores, livekit, sid, new, clock)


async def _registered(
    stores: Stores, livekit: LiveKit, sid: str, new: bool, clock: Clock
) -> Registration:
    # The sweep comes after the registration: what is published in between is seen by one of the
    # sweep and the webhook, or by both.
    room = await stores.rooms.get(sid)
    swept = await sweep_room(stores, livekit, room, clock)
    if new:
        log.info("room registered", room_sid=sid, swept=swept)
    return Registration(await stores.rooms.get(sid), new, swept)


async def sweep_room(
    stores: Stores, livekit: LiveKit, room: Room, clock: Clock = wall_clock_ms
) -> int:
    """Take in every audio track that is published in the room now.

    Returns:
        How many there are.
    """
    if not any(live.sid == room.id for live in await livekit.list_rooms([room.name])):
        return 0  # the name may belong to another session by now
    swept = 0
    for participant in await livekit.list_participants(room.name):
        if participant.agent:
            continue
        if participant.identity not in room.participants:
            await stores.rooms.note_participant(room.id, participant.identity)
        for track in participant.audio_tracks:
            swept += await take_in(
                stores, room, participant, track.sid, track.changed_ms or clock()
            )
    return swept


async def take_in(
    stores: Stores, room: Room, speaker: LiveParticipant, track_sid: str, published_ms: int
) -> bool:
    """Publish a speaker's track; False when the room accepts no more."""
    return await publish_track(
        stores,
        room=room,
        room_sid=room.id,
        track_sid=track_sid,
        identity=speaker.identity,
        name=speaker.name,
        published_ms=published_ms,
        language=speaker.attributes.get(LANGUAGE_ATTRIBUTE) or None,
    )
