"""A room's timeline: the best version of every track, merged by absolute time."""

from parley.domain.room import Room
from parley.domain.segment import Version
from parley.domain.timeline import (
    MissingTrack,
    Timeline,
    TimelineParticipant,
    TimelineSegment,
)
from parley.domain.track import Track, TrackStatus
from parley.storage import Stores


async def build_timeline(stores: Stores, room: Room) -> Timeline:
    """Read all tracks of a room and merge their best versions.

    One round trip for the tracks and one for the chunks of each.
    """
    tracks = await stores.tracks.get_many(room.tracks)
    segments: list[TimelineSegment] = []
    missing: list[MissingTrack] = []
    participants: dict[str, TimelineParticipant] = {}
    for track in tracks:
        participants.setdefault(
            track.identity,
            TimelineParticipant(
                identity=track.identity, name=track.name or track.identity, kind=track.kind
            ),
        )
        version = track.best_version
        found = await stores.chunks.read_version(track.id, version, track.headers(version))
        segments += [
            TimelineSegment(
                id=s.id,
                track_sid=track.id,
                identity=track.identity,
                version=version,
                start_ms=s.start_ms,
                end_ms=s.end_ms,
                text=s.text,
                confidence=s.confidence,
            )
            for s in found
        ]
        reason = _reason(track, version)
        if reason:
            missing.append(MissingTrack(track_sid=track.id, identity=track.identity, reason=reason))
    segments.sort(key=lambda s: (s.start_ms, s.id))
    started = [t.published_ms for t in tracks if t.published_ms] or [room.registered_ms]
    return Timeline(
        room_sid=room.id,
        room_name=room.name,
        started_ms=min(started),
        ended_ms=max([room.finalized_ms or room.registered_ms, *(s.end_ms for s in segments)]),
        participants=tuple(participants.values()),
        segments=tuple(segments),
        missing=tuple(missing),
    )


def _reason(track: Track, version: Version) -> str | None:
    if track.status is TrackStatus.FAILED:
        return f"no final transcript: {track.error or 'unknown reason'}" + (
            "; the live one is used" if track.headers(version) else ""
        )
    if track.recording and track.recording.gaps:
        lost = sum(g.end_ms - g.start_ms for g in track.recording.gaps)
        return f"{lost / 1000:.1f} s of its audio did not arrive"
    return None
