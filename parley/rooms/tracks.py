"""How a published track enters its room, from whichever side it is seen first."""

from parley.domain.room import Room
from parley.domain.track import Track, TrackKind
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
    kind: TrackKind = "person",
    room: Room | None = None,
) -> bool:
    """Store a track and make its room wait for it; webhook, sweep and agent all call it.

    The link is written before the document. Nothing can finish a track that has no document, so a
    room never begins to wait for a track that is finished already; and a room that accepts no more
    tracks leaves no document behind. Where a caller dies in between, any later call (or the
    reconciler) writes the document.

    Args:
        stores: the database.
        room_sid: room.
        track_sid: track.
        identity: its speaker.
        name: what is shown for them, empty when not known.
        published_ms: when the track began.
        language: what they speak, when known.
        kind: whose voice it carries.
        room: the room as it was read a moment ago, which saves reading it.

    Returns:
        Whether the track is (now or already) one of the room's. False: the room accepts no more.

    Raises:
        NotFoundError: the room is not registered.
    """
    room = room or await stores.rooms.get(room_sid)
    linked = track_sid in room.tracks or await stores.rooms.link_track(
        room_sid, track_sid, published_ms
    )
    if not linked:
        room = await stores.rooms.get(room_sid)
        if track_sid not in room.tracks:
            log.warning("track refused: its room is final", room_sid=room_sid, track_sid=track_sid)
            return False
    await stores.tracks.publish(
        Track(
            id=track_sid,
            room_sid=room_sid,
            identity=identity,
            name=name,
            kind=kind,
            published_ms=published_ms,
            language=language or room.options.languages.get(identity) or room.options.language,
        )
    )
    return True
