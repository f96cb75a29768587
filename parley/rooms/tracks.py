"""How a published track enters its room, from whichever side it is seen first."""

from parley.domain.track import Track
from parley.storage import Stores
from parley.telemetry.logs import get_logger

log = get_logger("tracks")


async def publish_track(
    stores: Stores,
    *,
    room_sid: str,
    track_sid: str,
    identity: str,
    name: str,
    published_ms: int,
    language: str | None = None,
) -> bool:
    """Store a track and make its room wait for it; the webhook, the sweep and the agent all call it.

    The document is written before the link. A track whose processing finished before it was linked
    is settled here, so the room never waits for it.

    Returns:
        Whether the track is (now or already) one of the room's. False: the room accepts no more.

    Raises:
        NotFoundError: the room is not registered.
    """
    room = await stores.rooms.get(room_sid)
    await stores.tracks.publish(
        Track(
            _id=track_sid,
            room_sid=room_sid,
            identity=identity,
            name=name,
            published_ms=published_ms,
            language=language or room.options.languages.get(identity) or room.options.language,
        )
    )
    if await stores.rooms.link_track(room_sid, track_sid):
        track = await stores.tracks.get(track_sid)
        if track.status.final:
            await stores.rooms.settle_track(room_sid, track_sid)
        return True
    room = await stores.rooms.get(room_sid)
    if track_sid in room.tracks:
        return True
    log.warning("track refused: its room is final", room_sid=room_sid, track_sid=track_sid)
    return False
