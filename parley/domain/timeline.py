"""The timeline of a completed room: what every participant said, in order, and what is missing."""

import hashlib

from parley.domain.base import Record
from parley.domain.segment import Version
from parley.domain.track import TrackKind


class TimelineParticipant(Record):
    """Somebody who was in the room."""

    identity: str
    name: str
    kind: TrackKind = "person"


class TimelineSegment(Record):
    """One utterance with its speaker."""

    id: str
    track_sid: str
    identity: str
    version: Version
    start_ms: int
    end_ms: int
    text: str
    confidence: float


class MissingTrack(Record):
    """A track whose words are not, or not fully, in the timeline, and why."""

    track_sid: str
    identity: str
    reason: str


class Timeline(Record):
    """The input of a summary, stored as `timelines/{room_sid}.json`."""

    room_sid: str
    room_name: str
    started_ms: int
    ended_ms: int
    participants: tuple[TimelineParticipant, ...]
    segments: tuple[TimelineSegment, ...]
    missing: tuple[MissingTrack, ...] = ()

    def input_hash(self) -> str:
        """SHA-256 (hex) of the content: the same room with the same words is the same summary."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()
