"""Rooms with transcripts, made for tests: speakers who say numbered segments at given times."""

import uuid
from collections.abc import Sequence

from parley.domain.room import RoomOptions
from parley.domain.segment import Segment, Version, Word, segment_id
from parley.domain.track import TrackStatus
from parley.rooms.tracks import publish_track
from parley.storage import Stores


def utterance(
    track_sid: str,
    number: int,
    start_ms: int,
    *,
    version: Version = Version.LIVE,
    text: str | None = None,
    confidence: float = 0.9,
    length_ms: int = 900,
) -> Segment:
    text = text or f"segment {number}"
    return Segment(
        id=segment_id(track_sid, version, number),
        start_ms=start_ms,
        end_ms=start_ms + length_ms,
        text=text,
        confidence=confidence,
        words=tuple(
            Word(text=word, start_ms=start_ms, end_ms=start_ms + 1, confidence=confidence)
            for word in text.split()
        ),
    )


class Speaker:
    """One track and the writer of its live segments."""

    def __init__(self, stores: Stores, room_sid: str, identity: str, track_sid: str) -> None:
        self.stores, self.room_sid = stores, room_sid
        self.identity, self.track_sid = identity, track_sid
        self.said: list[Segment] = []

    async def says(self, *starts_ms: int, text: str | None = None, confidence: float = 0.9) -> None:
        """Append a live segment at each of these times."""
        writer = await self.stores.chunks.writer(self.room_sid, self.track_sid, Version.LIVE)
        fresh = [
            utterance(self.track_sid, len(self.said) + n, start, text=text, confidence=confidence)
            for n, start in enumerate(starts_ms)
        ]
        self.said += fresh
        await writer.append(fresh)

    async def is_transcribed(self, segments: Sequence[Segment]) -> None:
        """Write the final version and give the track its final status."""
        await self.stores.chunks.write_version(
            self.room_sid, self.track_sid, Version.FINAL, segments
        )
        await self.stores.tracks.finish(self.track_sid, TrackStatus.TRANSCRIBED)
        await self.stores.rooms.settle_track(self.room_sid, self.track_sid)


class Meeting:
    """A registered room and its speakers."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self.sid = f"RM_{uuid.uuid4().hex[:10]}"
        self.speakers: dict[str, Speaker] = {}

    @classmethod
    async def of(cls, stores: Stores, *identities: str, started_ms: int = 1_000) -> "Meeting":
        meeting = cls(stores)
        await stores.rooms.register(meeting.sid, "meeting", RoomOptions(), now_ms=started_ms)
        for identity in identities:
            await meeting.joins(identity, started_ms)
        return meeting

    async def joins(self, identity: str, at_ms: int) -> Speaker:
        sid = f"TR_{uuid.uuid4().hex[:10]}"
        await publish_track(
            self.stores,
            room_sid=self.sid,
            track_sid=sid,
            identity=identity,
            name=identity.title(),
            published_ms=at_ms,
        )
        self.speakers[identity] = Speaker(self.stores, self.sid, identity, sid)
        return self.speakers[identity]
