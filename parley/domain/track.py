"""Tracks: one published audio track of one participant, from its first frame to its transcript."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from parley.domain.base import Record
from parley.domain.segment import ChunkHeader, Version


class TrackStatus(StrEnum):
    """Where a track is on its way; the last three are final."""

    LIVE = "live"
    RECORDED = "recorded"
    TRANSCRIBING = "transcribing"
    TRANSCRIBED = "transcribed"
    EMPTY = "empty"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to the track."""
        return self in FINAL_STATUSES


FINAL_STATUSES = frozenset({TrackStatus.TRANSCRIBED, TrackStatus.EMPTY, TrackStatus.FAILED})


TrackKind = Literal["person", "assistant"]
"""Whose voice a track carries; an assistant's is never transcribed: what it said is known."""


class Gap(Record):
    """A stretch in which no audio arrived although the track was published and unmuted."""

    start_ms: int
    end_ms: int


class Recording(Record):
    """Where a track's audio lies and what it covers.

    The object is Ogg Opus, mono. Sample 0 of it is the instant `started_ms`; gaps are filled with
    silence, so a position in the file is a time.
    """

    method: Literal["agent", "egress"]
    key: str
    started_ms: int
    ended_ms: int
    bytes: int = 0
    samples: int = 0
    sample_rate: int = 48_000
    gaps: tuple[Gap, ...] = ()


class EgressState(StrEnum):
    """How far LiveKit's egress of a track is."""

    STARTING = "starting"
    ACTIVE = "active"
    DELIVERED = "delivered"
    FAILED = "failed"

    @property
    def running(self) -> bool:
        """Whether a recording may still come of it."""
        return self in (EgressState.STARTING, EgressState.ACTIVE)


class TrackEgress(Record):
    """LiveKit's egress of a track, in a room that records by egress.

    Attributes:
        state: `failed` means that the agent's recorder stands in.
        requested_ms: when it was asked for.
        id: LiveKit's id, once it is known.
        error: why the agent stands in.
        started_ms: when its file begins, once it has ended.
        ended_ms: when its file ends.
    """

    state: EgressState
    requested_ms: int
    id: str | None = None
    error: str | None = None
    started_ms: int | None = None
    ended_ms: int | None = None


class Lease(Record):
    """Who works on the track's transcript now, and until when nobody else may."""

    owner: str
    until_ms: int


class Progress(Record):
    """How far a long recording's transcript is; a next run goes on from here.

    Attributes:
        position: samples at 16 kHz that are done.
        segments: segments written so far.
        chunks: chunks written so far.
    """

    position: int = 0
    segments: int = 0
    chunks: int = 0


class Track(Record):
    """The stored document of a track."""

    id: str = Field(alias="_id")
    room_sid: str
    identity: str
    name: str = ""
    kind: TrackKind = "person"
    language: str | None = None
    status: TrackStatus = TrackStatus.LIVE
    published_ms: int = 0
    unpublished_ms: int | None = None
    recording: Recording | None = None
    parts: tuple[int, ...] = Field(
        (), description="When each part of the recording begins, where several agents made one."
    )
    egress: TrackEgress | None = None
    requeued_ms: int | None = Field(None, description="When its recording was last queued again.")
    attempts: int = 0
    lease: Lease | None = None
    error: str | None = None
    progress: Progress | None = None
    # version → zero-padded seq → header; a map, so that refreshing one is an idempotent $set.
    chunks: dict[Version, dict[str, ChunkHeader]] = Field(default_factory=dict)

    def headers(self, version: Version) -> list[ChunkHeader]:
        """The chunk headers of one version in order."""
        return [h for _, h in sorted(self.chunks.get(version, {}).items())]

    @property
    def best_version(self) -> Version:
        """`final` when the recording was transcribed, else `live`."""
        done = self.status in (TrackStatus.TRANSCRIBED, TrackStatus.EMPTY)
        return Version.FINAL if done and Version.FINAL in self.chunks else Version.LIVE
