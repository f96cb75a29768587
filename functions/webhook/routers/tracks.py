"""A room's tracks, and their recordings."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from functions.webhook.parameters import RoomSid, TrackSid
from functions.webhook.services import Using
from parley.domain.segment import Version
from parley.domain.track import Recording, Track, TrackEgress, TrackKind, TrackStatus
from parley.errors import NotFoundError

router = APIRouter(tags=["tracks"])


class TrackView(BaseModel):
    """A track as the API shows it."""

    sid: str
    identity: str
    name: str
    kind: TrackKind
    language: str | None
    status: TrackStatus
    published_ms: int
    unpublished_ms: int | None
    recording: Recording | None
    egress: TrackEgress | None = Field(
        description="LiveKit's egress of it; `failed` means that the agent stands in."
    )
    attempts: int = Field(description="How often its transcription was begun.")
    error: str | None
    live_segments: int
    final_segments: int


class TrackList(BaseModel):
    """A room's tracks in the order in which they were seen."""

    tracks: list[TrackView]


class RecordingLink(BaseModel):
    """Where to read a recording, for a while."""

    url: str
    expires_in_s: int
    recording: Recording


def view(track: Track) -> TrackView:
    """A track as the API shows it."""
    return TrackView(
        sid=track.id,
        live_segments=sum(h.count for h in track.headers(Version.LIVE)),
        final_segments=sum(h.count for h in track.headers(Version.FINAL)),
        **track.model_dump(
            include={
                "identity",
                "name",
                "kind",
                "language",
                "status",
                "published_ms",
                "unpublished_ms",
                "recording",
                "egress",
                "attempts",
                "error",
            }
        ),
    )


@router.get("/rooms/{sid}/tracks", response_model=TrackList)
async def list_tracks(sid: RoomSid, services: Using) -> TrackList:
    """The room's audio tracks and how far each is."""
    room = await services.stores.rooms.get(sid)
    tracks = await services.stores.tracks.get_many(room.tracks)
    return TrackList(tracks=[view(track) for track in tracks])


@router.get("/rooms/{sid}/recordings/{track_sid}", response_model=RecordingLink)
async def get_recording(sid: RoomSid, track_sid: TrackSid, services: Using) -> RecordingLink:
    """A short-lived URL of a track's recording (Ogg Opus)."""
    track = await services.stores.tracks.get(track_sid)
    # A track of another room is as unknown as none: the token is for this room.
    if track.room_sid != sid or track.recording is None:
        raise NotFoundError(f"room {sid} has no recording of a track {track_sid}")
    seconds = services.settings.presign_seconds
    return RecordingLink(
        url=await services.blobs.presign(track.recording.key, seconds),
        expires_in_s=seconds,
        recording=track.recording,
    )
