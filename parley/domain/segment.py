"""Segments: one utterance with its words, absolute times (ms since the epoch) and confidence."""

from collections.abc import Sequence
from enum import StrEnum

from pydantic import Field

from parley.domain.base import Record

MAX_SEGMENTS_PER_CHUNK = 200


class Version(StrEnum):
    """Which transcript a segment belongs to: `live` (Vosk) or `final` (Whisper)."""

    LIVE = "live"
    FINAL = "final"


class Word(Record):
    """One recognised word; confidence in 0..1."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float = Field(ge=0.0, le=1.0)


class Segment(Record):
    """One utterance of one track; its id is `{track}.{version}.{n}`."""

    id: str
    start_ms: int
    end_ms: int
    text: str
    confidence: float = Field(ge=0.0, le=1.0)
    words: tuple[Word, ...] = ()

    @property
    def track_sid(self) -> str:
        """The track part of the id."""
        return self.id.rsplit(".", 2)[0]


def segment_id(track_sid: str, version: Version, number: int) -> str:
    """The id of a track version's n-th segment, counted from 0."""
    return f"{track_sid}.{version}.{number}"


def mean_confidence(words: Sequence[Word]) -> float:
    """The mean of the words' confidence, 0 without words."""
    return sum(w.confidence for w in words) / len(words) if words else 0.0


class ChunkHeader(Record):
    """What a track knows of one of its chunks: enough to decide whether to read it."""

    seq: int
    start_ms: int
    end_ms: int
    count: int
    min_confidence: float
    max_confidence: float


class Chunk(Record):
    """At most 200 consecutive segments of one track version."""

    id: str = Field(alias="_id")
    room_sid: str
    track_sid: str
    version: Version
    seq: int
    start_ms: int
    end_ms: int
    count: int
    min_confidence: float
    max_confidence: float
    segments: tuple[Segment, ...]


def chunk_id(track_sid: str, version: Version, seq: int) -> str:
    """The id of a track version's chunk, counted from 0."""
    return f"{track_sid}.{version}.{seq:06}"


def chunk_ids(track_sid: str, version: Version, headers: Sequence[ChunkHeader]) -> list[str]:
    """The ids of all chunks that a reader must ask for, given the headers in order.

    A live writer may have opened the next chunk and not yet written its header, so that one is
    asked for too. A final version is read by its headers only: they are written last.
    """
    ids = [chunk_id(track_sid, version, h.seq) for h in headers]
    last = headers[-1] if headers else None
    if version is Version.LIVE and (last is None or last.count == MAX_SEGMENTS_PER_CHUNK):
        ids.append(chunk_id(track_sid, version, last.seq + 1 if last else 0))
    return ids


def header_of(seq: int, segments: Sequence[Segment]) -> ChunkHeader:
    """The header of a chunk that holds these segments (at least one)."""
    return ChunkHeader(
        seq=seq,
        start_ms=min(s.start_ms for s in segments),
        end_ms=max(s.end_ms for s in segments),
        count=len(segments),
        min_confidence=min(s.confidence for s in segments),
        max_confidence=max(s.confidence for s in segments),
    )
