"""How good a record is: live against final, and the completeness audit."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from functions.webhook.parameters import RoomSid
from functions.webhook.services import Services, Using
from parley.domain.segment import Segment, Version
from parley.domain.track import Track
from parley.rooms.audit import TrackAudit, audit_track
from parley.transcripts.diff import DiffEntry, Score, diff_track

router = APIRouter(tags=["quality"])


class Diff(BaseModel):
    """The live transcript against the final one, tracks with a final one only."""

    room_sid: str
    wer: float | None = Field(description="Word error rate of the live words; null without words.")
    wer_by_participant: dict[str, float | None]
    entries: list[DiffEntry]


class Audit(BaseModel):
    """Whether every track of a room is complete."""

    room_sid: str
    complete: bool
    tracks: list[TrackAudit]


async def _segments(services: Services, track: Track, version: Version) -> list[Segment]:
    headers = track.headers(version)
    return await services.stores.chunks.read_version(track.id, version, headers, words=False)


@router.get("/rooms/{sid}/diff", response_model=Diff)
async def get_diff(sid: RoomSid, services: Using) -> Diff:
    """For each live utterance its final counterpart, with the words that differ."""
    room = await services.stores.rooms.get(sid)
    entries: list[DiffEntry] = []
    scores: dict[str, Score] = {}
    for track in await services.stores.tracks.get_many(room.tracks):
        if Version.FINAL not in track.chunks:
            continue
        live = await _segments(services, track, Version.LIVE)
        final = await _segments(services, track, Version.FINAL)
        found, score = diff_track(track.id, track.identity, live, final)
        entries += found
        scores[track.identity] = scores.get(track.identity, Score()) + score
    entries.sort(key=lambda entry: (entry.start_ms, entry.track_sid))
    total = sum(scores.values(), Score())
    return Diff(
        room_sid=sid,
        wer=total.wer,
        wer_by_participant={identity: score.wer for identity, score in scores.items()},
        entries=entries,
    )


@router.get("/rooms/{sid}/audit", response_model=Audit)
async def get_audit(sid: RoomSid, services: Using) -> Audit:
    """Per track: published, recorded, transcribed, and a verdict in words."""
    room = await services.stores.rooms.get(sid)
    audits = [
        audit_track(
            track,
            room,
            await _segments(services, track, Version.LIVE),
            await _segments(services, track, Version.FINAL),
            services.clock(),
        )
        for track in await services.stores.tracks.get_many(room.tracks)
    ]
    return Audit(room_sid=sid, complete=all(a.complete for a in audits), tracks=audits)
