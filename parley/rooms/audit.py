"""Is every track complete: what was published against what was recorded and transcribed. Pure."""

from collections.abc import Sequence
from typing import Literal

from parley.domain.base import Record
from parley.domain.room import Room
from parley.domain.segment import Segment
from parley.domain.track import Track, TrackStatus
from parley.rooms.egress_rules import fallback_note

# The ends of a track are known to a second (webhooks) and a connection takes a moment.
TOLERANCE_S = 2.0
_GAP_S = 0.2
_DRIFT_PPM = 2_000


class TrackAudit(Record):
    """One track's balance; times in seconds. Mute is recorded as silence and is no gap.

    `drift_ppm` compares the samples in the recording with the time between its ends. `note` says
    when the agent stood in for egress, and why.
    """

    track_sid: str
    identity: str
    status: TrackStatus
    published_s: float
    recorded_s: float | None
    recorded_by: Literal["agent", "egress"] | None
    gaps: int
    gap_s: float
    drift_ppm: float | None
    live_segments: int
    final_segments: int
    words_per_minute: float | None
    complete: bool
    verdict: str
    note: str | None


def audit_track(
    track: Track, room: Room, live: Sequence[Segment], final: Sequence[Segment], now_ms: int
) -> TrackAudit:
    """The balance of one track.

    Args:
        track: the track.
        room: its room.
        live: its live segments.
        final: its final segments.
        now_ms: the time, for tracks that go on.
    """
    ends = [t for t in (track.unpublished_ms, room.ended_ms) if t is not None]
    end_ms = min(ends) if ends else _end_of_recording(track, now_ms)
    published_s = max(0, end_ms - track.published_ms) / 1000
    recording = track.recording
    recorded_s = (recording.ended_ms - recording.started_ms) / 1000 if recording else None
    if track.kind == "assistant" and recorded_s is not None:
        published_s = recorded_s  # its track stays while it is silent; the recording does not
    gaps = recording.gaps if recording else ()
    gap_s = sum(g.end_ms - g.start_ms for g in gaps) / 1000
    best = final or live
    words = sum(len(segment.text.split()) for segment in best)
    verdict = _verdict(track, room, published_s, recorded_s, gap_s, words)
    return TrackAudit(
        track_sid=track.id,
        identity=track.identity,
        status=track.status,
        published_s=round(published_s, 3),
        recorded_s=recorded_s,
        recorded_by=recording.method if recording else None,
        gaps=len(gaps),
        gap_s=round(gap_s, 3),
        drift_ppm=_drift_ppm(track),
        live_segments=len(live),
        final_segments=len(final),
        words_per_minute=round(words / recorded_s * 60, 1) if recorded_s else None,
        complete=verdict in (COMPLETE, SILENT),
        verdict=verdict,
        note=fallback_note(track),
    )


COMPLETE = "complete: all of it is recorded and transcribed"
SILENT = "complete: all of it is recorded, and nobody spoke"


def _end_of_recording(track: Track, now_ms: int) -> int:
    return track.recording.ended_ms if track.recording else now_ms


def _drift_ppm(track: Track) -> float | None:
    recording = track.recording
    if recording is None or not recording.samples or recording.ended_ms <= recording.started_ms:
        return None
    held_ms = recording.samples * 1000 / recording.sample_rate
    span_ms = recording.ended_ms - recording.started_ms
    return round((held_ms - span_ms) / span_ms * 1e6, 1)


def _verdict(
    track: Track,
    room: Room,
    published_s: float,
    recorded_s: float | None,
    gap_s: float,
    words: int,
) -> str:
    if track.status is TrackStatus.FAILED:
        return f"no final transcript: {track.error or 'unknown reason'}"
    if room.options.record == "none":
        return "not recorded: the room keeps the live transcript only"
    if recorded_s is None:
        return "not recorded yet" if not track.status.final else "its recording is not known"
    if published_s - recorded_s > TOLERANCE_S:
        missing_s = published_s - recorded_s
        return f"{missing_s:.1f} s of {published_s:.1f} s were not recorded"
    if gap_s > _GAP_S:
        return f"{gap_s:.1f} s of its audio did not arrive"
    drift = _drift_ppm(track)
    if drift is not None and abs(drift) > _DRIFT_PPM:
        return f"its clock differs from the room's by {abs(drift) / 10_000:.1f} %"
    if not track.status.final:
        return "recorded, not transcribed yet"
    return COMPLETE if words else SILENT
