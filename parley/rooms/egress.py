"""Recording by LiveKit's egress: asked for once a track, and the agent stands in where it fails.

Egress writes to `egress/{room}/{track}.ogg`, and only a file that counts becomes the recording: its
manifest is written and the track told before the object is copied to where its creation starts the
transcription. So a late or half file never takes the place of the agent's.
"""

from parley.blobs import BlobStore, egress_key, manifest_key, recording_key
from parley.clock import Clock, wall_clock_ms
from parley.domain.room import Room
from parley.domain.track import EgressState, Recording, Track, TrackStatus
from parley.errors import LiveKitError
from parley.livekit_api import EgressPhase, LiveEgress, LiveKit
from parley.rooms.egress_rules import EgressStep, on_news
from parley.storage import Stores
from parley.storage.egress import STALE_MS
from parley.telemetry.logs import get_logger

log = get_logger("egress")
START_S = 8.0
STOP_S = 5.0


async def begin_egress(
    stores: Stores,
    livekit: LiveKit,
    room: Room,
    track_sid: str,
    clock: Clock = wall_clock_ms,
) -> bool:
    """Start the egress of a live track unless somebody has; where LiveKit refuses, fall back.

    Returns:
        Whether this call started it.
    """
    if not await stores.egress.claim(track_sid, clock()):
        return False
    try:
        # A claim that was taken over may have got as far as LiveKit.
        started = await _running(livekit, room.name, track_sid)
        started = started or await livekit.start_track_egress(
            room.name, track_sid, egress_key(room.id, track_sid), within_s=START_S
        )
    except LiveKitError as error:
        await fall_back(stores, room.id, track_sid, f"LiveKit did not start it: {error}", clock)
        return False
    log.info("egress started", room_sid=room.id, track_sid=track_sid, egress_id=started.id)
    await stores.egress.note(track_sid, started.id, active=started.active)
    return True


async def _running(livekit: LiveKit, room_name: str, track_sid: str) -> LiveEgress | None:
    try:
        found = await livekit.list_egress(room_name)
    except LiveKitError:
        return None  # starting it says why
    mine = (e for e in found if e.track_sid == track_sid and e.phase is EgressPhase.RUNNING)
    return next(mine, None)


async def end_egress(livekit: LiveKit, egress_id: str) -> None:
    """Stop an egress; one that cannot be stopped ends with its track."""
    try:
        await livekit.stop_egress(egress_id, within_s=STOP_S)
    except LiveKitError as error:
        log.warning("egress not stopped", egress_id=egress_id, reason=str(error))


async def fall_back(
    stores: Stores,
    room_sid: str,
    track_sid: str,
    reason: str,
    clock: Clock = wall_clock_ms,
    *,
    news: LiveEgress | None = None,
) -> bool:
    """Let the agent's recording of a track count; False when it is decided already."""
    begun = news is not None and news.started_ms > 0
    failed = await stores.egress.fail(
        track_sid,
        reason,
        clock(),
        egress_id=news.id if news else None,
        started_ms=news.started_ms if news and begun else None,
        ended_ms=news.ended_ms if news and begun else None,
    )
    if failed:
        log.warning("egress failed", room_sid=room_sid, track_sid=track_sid, reason=reason)
    return failed


async def apply_egress(
    stores: Stores,
    blobs: BlobStore,
    livekit: LiveKit,
    room: Room,
    news: LiveEgress,
    clock: Clock = wall_clock_ms,
) -> bool:
    """Do what news of an egress ask for, from a webhook or a list; any order, any number of times.

    Returns:
        Whether the news were about a track that the room records by egress.
    """
    track = await stores.tracks.find(news.track_sid) if news.track_sid else None
    if track is None or track.room_sid != room.id:
        return False
    step, reason = on_news(track, room, news)
    match step:
        case EgressStep.IGNORE:
            return False
        case EgressStep.NOTE:
            await stores.egress.note(track.id, news.id, active=news.active)
        case EgressStep.STOP:
            await end_egress(livekit, news.id)
        case EgressStep.FALL_BACK:
            await fall_back(stores, room.id, track.id, reason, clock, news=news)
        case EgressStep.DELIVER:
            await _deliver(stores, blobs, track, news, clock)
    return True


async def _deliver(
    stores: Stores, blobs: BlobStore, track: Track, news: LiveEgress, clock: Clock
) -> None:
    size = await blobs.size(egress_key(track.room_sid, track.id))
    delivered = track.egress is not None and track.egress.state is EgressState.DELIVERED
    if size is None:
        if not delivered:
            reason = "its file is not in the object store"
            await fall_back(stores, track.room_sid, track.id, reason, clock, news=news)
        return
    won = await stores.egress.deliver(
        track.id, news.id, started_ms=news.started_ms, ended_ms=news.ended_ms
    )
    if won or delivered:
        await _become_recording(stores, blobs, track, news.started_ms, news.ended_ms, size)


async def _become_recording(
    stores: Stores, blobs: BlobStore, track: Track, started_ms: int, ended_ms: int, size: int
) -> None:
    recording = Recording(
        method="egress",
        key=recording_key(track.room_sid, track.id),
        started_ms=started_ms,
        ended_ms=ended_ms,
        bytes=size,
    )
    body = recording.model_dump_json().encode()
    await blobs.put(manifest_key(track.room_sid, track.id), body, "application/json")
    await stores.tracks.unpublish(track.id, ended_ms)
    await stores.tracks.set_recorded(track.id, recording)
    await move_file(blobs, track)
    log.info("recording stored", room_sid=track.room_sid, track_sid=track.id, method="egress")


async def move_file(blobs: BlobStore, track: Track) -> None:
    """Put a delivered file where recordings are, which starts its transcription; repeatable."""
    source = egress_key(track.room_sid, track.id)
    if await blobs.size(source) is not None:
        await blobs.copy(source, recording_key(track.room_sid, track.id))
        await blobs.delete([source])


async def mend_egress(
    stores: Stores,
    blobs: BlobStore,
    livekit: LiveKit,
    room: Room,
    clock: Clock = wall_clock_ms,
) -> int:
    """Ask LiveKit what became of a room's egresses, since webhooks may be lost.

    Returns:
        How many tracks were found otherwise than they were stored.
    """
    tracks = await stores.tracks.get_many(room.pending_tracks)
    open_ones = [t for t in tracks if t.status is TrackStatus.LIVE and _undone(t)]
    if not open_ones:
        return 0
    try:
        listed = {news.id: news for news in await livekit.list_egress(room.name)}
    except LiveKitError as error:
        log.warning("egress cannot be asked", room_sid=room.id, reason=str(error))
        return 0  # the agent's recording is taken when nothing comes
    mended = 0
    for track in open_ones:
        assert track.egress is not None
        by_track = (n for n in listed.values() if n.track_sid == track.id)
        news = listed.get(track.egress.id or "") or next(by_track, None)
        if news is not None:
            await apply_egress(stores, blobs, livekit, room, news, clock)
        elif clock() - track.egress.requested_ms >= STALE_MS:
            await fall_back(stores, room.id, track.id, "LiveKit no longer knows of it", clock)
        mended += await stores.tracks.find(track.id) != track
    return mended


def _undone(track: Track) -> bool:
    return track.egress is not None and track.egress.state is not EgressState.FAILED


async def rescue_egress(stores: Stores, blobs: BlobStore, track: Track) -> bool:
    """Take the file that a failed egress left, where no agent has a recording of the track."""
    egress = track.egress
    if egress is None or egress.started_ms is None or egress.ended_ms is None:
        return False
    size = await blobs.size(egress_key(track.room_sid, track.id))
    if size is None or egress.ended_ms <= egress.started_ms:
        return False
    if not await stores.egress.rescue(track.id):
        return False
    await _become_recording(stores, blobs, track, egress.started_ms, egress.ended_ms, size)
    return True
