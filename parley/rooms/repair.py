"""What the reconciler does about what it finds: pure rules, no I/O."""

from dataclasses import dataclass
from enum import StrEnum

from parley.domain.room import Room, RoomStatus
from parley.domain.track import Track, TrackStatus
from parley.settings import Settings

# A recording's notification normally starts its transcription within seconds.
_UPLOAD_MS = 60_000


@dataclass(frozen=True)
class Limits:
    """How long things may take before they are repaired, in ms."""

    grace_ms: int
    empty_ms: int
    recording_wait_ms: int
    requeue_after_ms: int

    @classmethod
    def from_settings(cls, settings: Settings) -> "Limits":
        """The limits that the settings name."""
        return cls(
            grace_ms=int(settings.finalize_grace_s * 1000),
            empty_ms=int(settings.empty_room_minutes * 60_000),
            recording_wait_ms=int(settings.recording_wait_s * 1000),
            requeue_after_ms=int(settings.requeue_after_s * 1000),
        )


class RoomRepair(StrEnum):
    """What an active room needs."""

    NOTHING = "nothing"
    NOTE_EMPTY = "note-empty"
    NOTE_PEOPLE = "note-people"
    NOTE_ENDED = "note-ended"
    FINALIZE = "finalize"


def active_room(room: Room, people: int | None, now_ms: int, limits: Limits) -> RoomRepair:
    """What an active room needs.

    Args:
        room: the room.
        people: how many are in it, agents aside; None when LiveKit has no such room open.
        now_ms: the time.
        limits: how long it may be empty.
    """
    if people is None:
        if room.ended_ms is None:
            return RoomRepair.NOTE_ENDED
        overdue = now_ms - room.ended_ms >= limits.grace_ms
        return RoomRepair.FINALIZE if overdue else RoomRepair.NOTHING
    if people:
        return RoomRepair.NOTHING if room.empty_since_ms is None else RoomRepair.NOTE_PEOPLE
    if room.empty_since_ms is None:
        return RoomRepair.NOTE_EMPTY
    overdue = now_ms - room.empty_since_ms >= limits.empty_ms
    return RoomRepair.FINALIZE if overdue else RoomRepair.NOTHING


class TrackRepair(StrEnum):
    """What a track needs."""

    NOTHING = "nothing"
    SETTLE = "settle"  # it is final, but its room still waits for it
    FINISH_UNRECORDED = "finish-unrecorded"  # the room keeps no recordings
    LOOK_FOR_RECORDING = "look-for-recording"
    GIVE_UP = "give-up"  # look once more; without a recording it has failed
    REQUEUE = "requeue"


def track_end_ms(track: Track, room: Room) -> int | None:
    """When a track stopped being recorded: it was unpublished, or its room was finalised."""
    ends = [t for t in (track.unpublished_ms, room.ended_ms, room.finalized_ms) if t is not None]
    return min(ends) if ends else None


def pending_track(track: Track, room: Room, now_ms: int, limits: Limits) -> TrackRepair:
    """What a track that its room waits for needs."""
    match track.status:
        case TrackStatus.TRANSCRIBED | TrackStatus.EMPTY | TrackStatus.FAILED:
            return TrackRepair.SETTLE
        case TrackStatus.LIVE:
            return _live(track, room, now_ms, limits)
        case TrackStatus.RECORDED | TrackStatus.TRANSCRIBING:
            return _recorded(track, now_ms, limits)


def _live(track: Track, room: Room, now_ms: int, limits: Limits) -> TrackRepair:
    end_ms = track_end_ms(track, room)
    if end_ms is None:
        return TrackRepair.NOTHING
    if room.options.record == "none":
        return TrackRepair.FINISH_UNRECORDED
    since_ms = now_ms - end_ms
    if since_ms >= limits.recording_wait_ms:
        return TrackRepair.GIVE_UP
    return TrackRepair.LOOK_FOR_RECORDING if since_ms >= _UPLOAD_MS else TrackRepair.NOTHING


def _recorded(track: Track, now_ms: int, limits: Limits) -> TrackRepair:
    if track.lease is not None and track.lease.until_ms >= now_ms:
        return TrackRepair.NOTHING
    moments = [
        track.published_ms,
        track.unpublished_ms or 0,
        track.requeued_ms or 0,
        track.recording.ended_ms if track.recording else 0,
        track.lease.until_ms - limits.requeue_after_ms if track.lease else 0,
    ]
    quiet_ms = now_ms - max(moments)
    return TrackRepair.REQUEUE if quiet_ms >= limits.requeue_after_ms else TrackRepair.NOTHING


def needs_summary(room: Room, now_ms: int, limits: Limits) -> bool:
    """Whether a completed room's timeline is to be put again, for no summary came of it."""
    if room.status is not RoomStatus.COMPLETED or not room.options.summarize:
        return False
    if room.summary.status not in ("none", "requested"):
        return False
    last_ms = max(room.completed_ms or 0, room.summary.requested_ms or 0)
    return now_ms - last_ms >= limits.requeue_after_ms
