"""Transcripts: pages of segments, and whole ones as subtitles, text or JSON."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from functions.webhook.guard import Caller
from functions.webhook.limits import SEARCH
from functions.webhook.parameters import Cursor, Limit, RoomSid
from functions.webhook.services import Services, Using
from parley.domain.room import Room, RoomStatus
from parley.domain.track import Track
from parley.errors import BadInputError
from parley.transcripts.cursor import decode, encode, fingerprint
from parley.transcripts.filters import Choice, Filter, parse_time
from parley.transcripts.reader import (
    TranscriptSegment,
    read_all,
    read_page,
    room_start_ms,
    tracks_of,
)
from parley.transcripts.subtitles import MEDIA_TYPES, Form, plain_text, subtitles

router = APIRouter(tags=["transcript"])
_TIME = "Ms since the epoch, or with a unit (`90s`, `1500ms`, `2m`) since the room's start."


class TranscriptPage(BaseModel):
    """Some segments by time, and how to go on."""

    room_sid: str
    room_status: RoomStatus
    started_ms: int = Field(description="The room's start, ms since the epoch.")
    segments: list[TranscriptSegment]
    more: bool = Field(description="Whether there are more segments now.")
    next_cursor: str | None = Field(
        description="Give it as `cursor` for what comes next; null once nothing can come. While "
        "the room is not completed it is there even when there is no more now: ask again later."
    )
    chunks_read: int = Field(description="How many stored chunks this page needed.")


class WholeTranscript(BaseModel):
    """All segments by time."""

    room_sid: str
    room_name: str
    started_ms: int
    segments: list[TranscriptSegment]


@dataclass(frozen=True)
class _Reading:
    room: Room
    tracks: dict[int, Track]
    started_ms: int


async def _open(services: Services, sid: str) -> _Reading:
    room = await services.stores.rooms.get(sid)
    tracks = await tracks_of(services.stores, room)
    return _Reading(room, tracks, room_start_ms(room, tracks.values()))


def _time(value: str | None, reading: _Reading) -> int | None:
    return None if value is None else parse_time(value, reading.started_ms)


From = Annotated[str | None, Query(alias="from", max_length=20, description=_TIME)]
To = Annotated[str | None, Query(max_length=20, description=_TIME)]
Participant = Annotated[str | None, Query(max_length=256, description="The speaker's identity.")]
MinConfidence = Annotated[float | None, Query(ge=0.0, le=1.0)]
Text = Annotated[str | None, Query(min_length=1, max_length=200, description="Words in it.")]


@router.get("/rooms/{sid}/transcript", response_model=TranscriptPage)
async def get_transcript(
    sid: RoomSid,
    caller: Caller,
    services: Using,
    from_: From = None,
    to: To = None,
    participant: Participant = None,
    min_confidence: MinConfidence = None,
    text: Text = None,
    version: Choice = Choice.BEST,
    words: Annotated[bool, Query(description="Whether segments carry their words.")] = False,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Response:
    """A page of the transcript, every segment once, also while the room is live."""
    if text is not None:
        services.limits.spend(SEARCH, caller)
    query = fingerprint(sid, from_, to, participant, min_confidence, text, version)
    after = decode(cursor, query) if cursor else {}
    reading = await _open(services, sid)
    wanted = Filter(
        from_ms=_time(from_, reading),
        to_ms=_time(to, reading),
        participant=participant,
        min_confidence=min_confidence,
        text=text,
    )
    page = await read_page(
        services.stores,
        reading.tracks,
        choice=version,
        wanted=wanted,
        after=after,
        limit=limit,
        words=words,
        cache=services.chunks,
    )
    over = reading.room.status is RoomStatus.COMPLETED and not page.more
    answer = TranscriptPage(
        room_sid=sid,
        room_status=reading.room.status,
        started_ms=reading.started_ms,
        segments=page.segments,
        more=page.more,
        next_cursor=None if over else encode(page.positions, query),
        chunks_read=page.chunks_read,
    )
    # Written here: FastAPI would check it once more on the way out.
    return Response(answer.model_dump_json(), media_type="application/json")


@router.get("/rooms/{sid}/transcript.{form}", response_class=Response)
async def get_transcript_as(
    sid: RoomSid,
    form: Form,
    services: Using,
    from_: From = None,
    to: To = None,
    participant: Participant = None,
    min_confidence: MinConfidence = None,
    version: Choice = Choice.BEST,
) -> Response:
    """The whole transcript as WebVTT, SubRip, plain text or JSON."""
    reading = await _open(services, sid)
    wanted = Filter(
        from_ms=_time(from_, reading),
        to_ms=_time(to, reading),
        participant=participant,
        min_confidence=min_confidence,
    )
    segments = await read_all(services.stores, reading.tracks, choice=version, wanted=wanted)
    return Response(_rendered(reading, segments, form), media_type=MEDIA_TYPES[form])


def _rendered(reading: _Reading, segments: list[TranscriptSegment], form: Form) -> str:
    match form:
        case Form.VTT | Form.SRT:
            return subtitles(segments, reading.started_ms, form)
        case Form.TXT:
            return plain_text(segments, reading.started_ms)
        case Form.JSON:
            return WholeTranscript(
                room_sid=reading.room.id,
                room_name=reading.room.name,
                started_ms=reading.started_ms,
                segments=segments,
            ).model_dump_json()
    raise BadInputError("no such form")
