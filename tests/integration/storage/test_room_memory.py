"""What the assistant remembers, from the real database: everybody but the assistant itself."""

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

from agent_fleet.answering import RoomMemory
from parley.answers.engine import Question
from parley.domain.room import RoomOptions
from parley.domain.segment import Segment, Version, segment_id
from parley.domain.timeline import TimelineParticipant
from parley.domain.track import TrackKind
from parley.rooms.tracks import publish_track
from parley.storage import Stores

NOW_MS = 10_000_000
MINUTE_MS = 60_000


def here(work: Callable[[], Coroutine[Any, Any, Any]]) -> "asyncio.Future[Any]":
    return asyncio.ensure_future(work())


async def speak(
    stores: Stores, room: str, identity: str, said: list[tuple[int, str]], kind: TrackKind
) -> None:
    track = f"TR_{uuid.uuid4().hex[:8]}"
    await publish_track(
        stores,
        room_sid=room,
        track_sid=track,
        identity=identity,
        name=identity.title(),
        published_ms=1,
        kind=kind,
    )
    writer = await stores.chunks.writer(room, track, Version.LIVE)
    await writer.append(
        [
            Segment(
                id=segment_id(track, Version.LIVE, n),
                start_ms=at_ms,
                end_ms=at_ms + 1_000,
                text=text,
                confidence=0.9,
            )
            for n, (at_ms, text) in enumerate(said)
        ]
    )


async def test_the_last_minutes_of_everybody_but_the_assistant(stores: Stores) -> None:
    room = f"RM_{uuid.uuid4().hex[:8]}"
    await stores.rooms.register(room, "memory", RoomOptions(), now_ms=1)
    await speak(
        stores,
        room,
        "ann",
        [(NOW_MS - 20 * MINUTE_MS, "long ago"), (NOW_MS - 9 * MINUTE_MS, "the server is slow")],
        "person",
    )
    await speak(stores, room, "ben", [(NOW_MS - 10 * MINUTE_MS, "good morning")], "person")
    await speak(stores, room, "agent-1", [(NOW_MS - MINUTE_MS, "I don't know.")], "assistant")
    memory = RoomMemory(
        stores,
        here,
        room_sid=lambda: room,
        present=lambda: [TimelineParticipant(identity="cleo", name="Cleo")],
        minutes=15,
    )
    found = await memory.recall(Question("what is slow", "cleo", NOW_MS))
    assert [(s.identity, s.text) for s in found.segments] == [
        ("ben", "good morning"),
        ("ann", "the server is slow"),
    ]
    assert {p.name for p in found.participants} == {"Ann", "Ben", "Cleo"}
    assert found.here == {"cleo"}


async def test_a_room_that_is_not_stored_has_no_past(stores: Stores) -> None:
    memory = RoomMemory(stores, here, room_sid=lambda: "RM_none", present=lambda: [], minutes=15)
    assert (await memory.recall(Question("what is new", "", NOW_MS))).segments == ()
