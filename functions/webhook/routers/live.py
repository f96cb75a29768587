"""`GET /rooms/{sid}/live`: the live transcript as server-sent events."""

import os
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import nullcontext
from typing import Annotated

from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent

from functions.webhook.parameters import Cursor, RoomSid
from functions.webhook.services import Services, Using
from parley.domain.room import RoomStatus
from parley.transcripts.cursor import Positions, decode, encode, fingerprint
from parley.transcripts.filters import Choice, Filter
from parley.transcripts.partials import Newest, Partial
from parley.transcripts.reader import read_page, tracks_of

router = APIRouter(tags=["transcript"])
_POLL_S = 0.3
_PAGE = 200
# API Gateway hands a whole answer on at once, and waits 29 s for it; a client then reconnects.
_LONGEST_S = 20.0 if "AWS_LAMBDA_FUNCTION_NAME" in os.environ else 3600.0
_EVENT = {
    "type": "object",
    "description": "One server-sent event; `data` is JSON.",
    "properties": {
        "event": {"enum": ["segment", "partial", "room"]},
        "data": {"type": "string"},
        "id": {"type": "string", "description": "A cursor for `Last-Event-ID`."},
    },
    "required": ["event", "data"],
}


@router.get(
    "/rooms/{sid}/live",
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": {"schema": _EVENT}}}},
)
async def follow(
    sid: RoomSid,
    services: Using,
    cursor: Cursor = None,
    last_event_id: Annotated[str | None, Header(max_length=16_384)] = None,
    for_s: Annotated[float, Query(gt=0, le=3600, description="End after so long.")] = 3600.0,
) -> EventSourceResponse:
    """Utterances as they are stored (`segment`), and `room` when the room's status changes.

    `partial` is what is recognised so far of an utterance that goes on: the segment with its `id`
    takes its place, and so does the next partial of its track; one without text takes it back. A
    reader who is slow gets the newest ones only, and without a fleet in reach there are none.
    Other events' ids are cursors: a client that comes back with `Last-Event-ID` goes on where it
    was. The stream ends with the room.
    """
    query = fingerprint(sid, "live")
    start = last_event_id or cursor
    after = decode(start, query) if start else {}
    await services.stores.rooms.get(sid)  # a 404 is said before the stream begins
    events = _events(services, sid, after, query, min(for_s, _LONGEST_S))
    return EventSourceResponse(events, ping=15)


async def _events(
    services: Services, sid: str, after: Positions, query: str, for_s: float
) -> AsyncIterator[ServerSentEvent]:
    partials = services.partials.of(sid) if services.partials else nullcontext(Newest())
    async with partials as newest:
        async for event in _merged(services, sid, after, query, for_s, newest):
            yield event


async def _merged(
    services: Services, sid: str, after: Positions, query: str, for_s: float, newest: Newest
) -> AsyncIterator[ServerSentEvent]:
    stores, until = services.stores, time.monotonic() + for_s
    told: RoomStatus | None = None
    while True:
        look_again = time.monotonic() + _POLL_S
        room = await stores.rooms.find(sid)
        if room is None:
            return  # it was erased
        tracks = await tracks_of(stores, room)
        page = await read_page(
            stores, tracks, choice=Choice.LIVE, wanted=Filter(), after=after, limit=_PAGE
        )
        after = page.positions
        for number, segment in enumerate(page.segments, 1):
            # The last event of a page alone carries the page's cursor: going on from an earlier
            # one repeats at most a page, and skips nothing.
            last = number == len(page.segments)
            yield ServerSentEvent(
                segment.model_dump_json(exclude={"words"}),
                event="segment",
                id=encode(after, query) if last else None,
            )
        if page.more:
            continue
        if room.status is not told:
            told = room.status
            yield ServerSentEvent(f'{{"status":"{room.status}"}}', event="room")
        if room.status is RoomStatus.COMPLETED or time.monotonic() > until:
            return
        told_of = {
            track.id: after[place].number for place, track in tracks.items() if place in after
        }
        while (wait_s := look_again - time.monotonic()) > 0:
            await newest.wait(wait_s)
            for partial in newest.take():
                if _is_news(partial, told_of):
                    yield ServerSentEvent(
                        partial.model_dump_json(exclude={"final"}), event="partial"
                    )


def _is_news(partial: Partial, told_of: Mapping[str, int]) -> bool:
    """Whether a partial tells what no segment does; one that became a segment comes as that."""
    number = int(partial.id.rsplit(".", 1)[1])
    return not (partial.final and partial.text) and number >= told_of.get(partial.track_sid, 0)
