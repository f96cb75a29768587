"""What must hold of every room in the end."""

from parley.blobs import BlobStore, summary_key
from parley.domain.room import RoomStatus
from parley.domain.timeline import Timeline
from parley.domain.track import TrackStatus
from parley.errors import ParleyError
from parley.storage import Stores


async def missing(stores: Stores, blobs: BlobStore, sid: str, published: list[str]) -> list[str]:
    """What a room still lacks, in words; nothing when its record is whole.

    Every track that was published is recorded and transcribed, the room is completed, and there is
    one summary, of exactly these tracks.
    """
    room = await stores.rooms.find(sid)
    if room is None:
        return ["the room is not registered"]
    found = [f"{t} was missed" for t in published if t not in room.tracks]
    found += [f"{t} is nobody's" for t in room.tracks if t not in published]
    tracks = {track.id: track for track in await stores.tracks.get_many(room.tracks)}
    for track_sid in room.tracks:
        track = tracks.get(track_sid)
        if track is None:
            found.append(f"{track_sid} has no document")
        elif track.status is not TrackStatus.TRANSCRIBED:
            found.append(f"{track_sid} is {track.status} ({track.error})")
        elif track.recording is None or not await blobs.size(track.recording.key):
            found.append(f"{track_sid} has no recording")
    if room.status is not RoomStatus.COMPLETED:
        return [*found, f"the room is {room.status} and waits for {len(room.pending_tracks)}"]
    summary = await stores.summaries.find(sid)
    if summary is None or room.summary.status != "done":
        return [*found, f"no summary (state: {room.summary.status})"]
    if await blobs.size(summary_key(sid)) is None:
        found.append("the summary is not in the object store")
    try:
        timeline = Timeline.model_validate_json(await blobs.get(f"timelines/{sid}.json"))
    except ParleyError:
        return [*found, "no timeline"]
    if summary.input_hash != timeline.input_hash():
        found.append("the summary is of another timeline")
    if {s.track_sid for s in timeline.segments} != set(published):
        found.append("the timeline lacks a track")
    return found
