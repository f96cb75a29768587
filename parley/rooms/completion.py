"""How a room ends: the one conditional write, and the timeline that its winner puts.

`check_and_complete_room` is called whenever a track reaches a final status and whenever a room is
finalised. Both orders of the two end in exactly one completion (docs/architecture.md).
"""

from parley.blobs import BlobStore, timeline_key
from parley.clock import Clock, wall_clock_ms
from parley.domain.track import TrackStatus
from parley.rooms.timeline import build_timeline
from parley.storage import Stores
from parley.telemetry.logs import get_logger

log = get_logger("completion")


async def check_and_complete_room(
    stores: Stores, blobs: BlobStore, room_sid: str, clock: Clock = wall_clock_ms
) -> bool:
    """Complete the room if it is final and awaits no track; the winner puts the timeline.

    Returns:
        Whether this call completed the room.
    """
    if not await stores.rooms.complete(room_sid, clock()):
        return False
    log.info("room completed", room_sid=room_sid)
    await put_timeline(stores, blobs, room_sid, clock)
    return True


async def put_timeline(
    stores: Stores, blobs: BlobStore, room_sid: str, clock: Clock = wall_clock_ms
) -> None:
    """Write `timelines/{room_sid}.json`, whose creation starts the summary; repeatable."""
    room = await stores.rooms.get(room_sid)
    timeline = await build_timeline(stores, room)
    if room.options.summarize:  # noted before the object is there: the summary may be quick
        await stores.rooms.set_summary(
            room_sid,
            status="requested",
            input_hash=timeline.input_hash(),
            requested_ms=clock(),
        )
    body = timeline.model_dump_json().encode()
    await blobs.put(timeline_key(room_sid), body, "application/json")


async def finish_track(
    stores: Stores,
    blobs: BlobStore,
    track_sid: str,
    status: TrackStatus,
    *,
    error: str | None = None,
    owner: str | None = None,
    clock: Clock = wall_clock_ms,
) -> bool:
    """Give a track its final status and complete its room if that was the last one.

    Repeatable: when an earlier call died after the status was written, this one does the rest.

    Args:
        stores: the database.
        blobs: the object store.
        track_sid: track.
        status: one of the final statuses.
        error: why, for `failed` and `empty`.
        owner: when given, only if this owner holds the track's lease.
        clock: the time.

    Returns:
        Whether this call set the status.
    """
    changed = await stores.tracks.finish(track_sid, status, error=error, owner=owner)
    track = await stores.tracks.get(track_sid)
    if track.status.final:
        told_ms = clock() if track.status is TrackStatus.TRANSCRIBED else None
        await stores.rooms.settle_track(track.room_sid, track_sid, transcribed_ms=told_ms)
        await check_and_complete_room(stores, blobs, track.room_sid, clock)
    return changed


async def finalize_room(
    stores: Stores, blobs: BlobStore, room_sid: str, clock: Clock = wall_clock_ms
) -> bool:
    """Accept no more tracks, and complete the room if it awaits none; repeatable.

    Returns:
        Whether this call changed the status from `active`.
    """
    changed = await stores.rooms.finalize(room_sid, clock())
    if changed:
        log.info("room finalised", room_sid=room_sid)
    await check_and_complete_room(stores, blobs, room_sid, clock)
    return changed
