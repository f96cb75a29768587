"""A completed room's timeline becomes its summary: once per input, however often it is asked."""

import uuid

import pytest

from functions.summarize.job import summarize_room
from parley.blobs import BlobStore, summary_key, timeline_key
from parley.domain.room import RoomOptions
from parley.domain.segment import Version
from parley.domain.summary import Summary
from parley.domain.timeline import Timeline, TimelineParticipant, TimelineSegment
from parley.errors import ConflictError, SummaryError
from parley.rooms.completion import finalize_room
from parley.settings import Settings
from parley.storage import Stores
from parley.storage.database import Database
from parley.summary.again import redo_summary
from parley.summary.engine import Draft
from parley.summary.extractive import ExtractiveEngine

SETTINGS = Settings(summary_engine="extractive")


def timeline(room: str, text: str = "I will send the report to Bob by Friday.") -> Timeline:
    return Timeline(
        room_sid=room,
        room_name="weekly",
        started_ms=1_000,
        ended_ms=9_000,
        participants=(
            TimelineParticipant(identity="anna", name="Anna"),
            TimelineParticipant(identity="bob", name="Bob"),
        ),
        segments=(
            TimelineSegment(
                id="TR_a.final.0",
                track_sid="TR_a",
                identity="anna",
                version=Version.FINAL,
                start_ms=2_000,
                end_ms=5_000,
                text=text,
                confidence=0.9,
            ),
        ),
    )


@pytest.fixture
def stores(database: Database) -> Stores:
    return Stores.of(database)


async def completed_room(stores: Stores, blobs: BlobStore, **options: bool) -> str:
    sid = f"RM_{uuid.uuid4().hex[:10]}"
    await stores.rooms.register(sid, "weekly", RoomOptions(**options), 500)
    await finalize_room(stores, blobs, sid)
    await put(blobs, timeline(sid))
    return sid


async def put(blobs: BlobStore, one: Timeline) -> None:
    body = one.model_dump_json().encode()
    await blobs.put(timeline_key(one.room_sid), body, "application/json")


class Counting(ExtractiveEngine):
    """Counts its summaries, and fails on demand."""

    def __init__(self, error: Exception | None = None) -> None:
        self.made = 0
        self.error = error

    async def summarize(self, timeline: Timeline) -> Draft:
        self.made += 1
        if self.error:
            raise self.error
        return await super().summarize(timeline)


async def test_the_summary_is_stored_twice_over(stores: Stores, blobs: BlobStore) -> None:
    room = await completed_room(stores, blobs)
    assert await summarize_room(SETTINGS, stores, blobs, room)
    summary = await stores.summaries.find(room)
    assert summary is not None
    assert summary.engine == "extractive"
    (anna,) = summary.content.action_items
    assert anna.participant_identity == "anna"
    assert anna.participant_actions[0].segment_ids == ("TR_a.final.0",)
    stored = Summary.model_validate_json(await blobs.get(summary_key(room)))
    assert stored == summary
    assert (await stores.rooms.get(room)).summary.status == "done"


async def test_the_same_input_is_summarised_once(stores: Stores, blobs: BlobStore) -> None:
    room = await completed_room(stores, blobs)
    engine = Counting()
    assert await summarize_room(SETTINGS, stores, blobs, room, engine=engine)
    for _ in range(3):
        assert not await summarize_room(SETTINGS, stores, blobs, room, engine=engine)
    assert engine.made == 1
    await put(blobs, timeline(room, "We agreed to release on Monday."))
    assert await summarize_room(SETTINGS, stores, blobs, room, engine=engine)
    assert engine.made == 2


async def test_a_death_before_the_note_is_made_good(stores: Stores, blobs: BlobStore) -> None:
    room = await completed_room(stores, blobs)
    engine = Counting()
    await summarize_room(SETTINGS, stores, blobs, room, engine=engine)
    await stores.rooms.set_summary(room, status="requested")
    await blobs.delete([summary_key(room)])
    await summarize_room(SETTINGS, stores, blobs, room, engine=engine)
    assert engine.made == 1
    assert (await stores.rooms.get(room)).summary.status == "done"
    assert await blobs.size(summary_key(room))


async def test_unknown_rooms_and_unwanted_summaries_are_ignored(
    stores: Stores, blobs: BlobStore
) -> None:
    assert not await summarize_room(SETTINGS, stores, blobs, "RM_nobody")
    quiet = await completed_room(stores, blobs, summarize=False)
    assert not await summarize_room(SETTINGS, stores, blobs, quiet)
    assert await stores.summaries.find(quiet) is None


async def test_failures_are_counted_and_then_final(stores: Stores, blobs: BlobStore) -> None:
    room = await completed_room(stores, blobs)

    class Broken(ExtractiveEngine):
        async def summarize(self, timeline: Timeline) -> Draft:
            raise SummaryError("no luck")

    for attempt in (1, 2, 3):
        with pytest.raises(SummaryError, match="no luck"):
            await summarize_room(SETTINGS, stores, blobs, room, engine=Broken())
        state = (await stores.rooms.get(room)).summary
        assert (state.attempts, state.error) == (attempt, "no luck")
        assert state.status == ("failed" if attempt == 3 else "requested")


async def test_a_timeline_that_is_none_is_final(stores: Stores, blobs: BlobStore) -> None:
    room = await completed_room(stores, blobs)
    await blobs.put(timeline_key(room), b"{}", "application/json")
    assert not await summarize_room(SETTINGS, stores, blobs, room)
    state = (await stores.rooms.get(room)).summary
    assert state.status == "failed"
    assert state.error is not None
    assert "can't be read" in state.error


async def test_again_replaces_the_summary(stores: Stores, blobs: BlobStore) -> None:
    room = await completed_room(stores, blobs)
    await summarize_room(SETTINGS, stores, blobs, room)
    again = await redo_summary(
        stores, blobs, SETTINGS, room, "extractive", clock=lambda: 4_102_444_800_000
    )
    assert (await stores.summaries.find(room)) == again
    assert again.created_ms == 4_102_444_800_000


async def test_again_wants_a_completed_room(stores: Stores, blobs: BlobStore) -> None:
    await stores.rooms.register("RM_open", "open", RoomOptions(), 1)
    with pytest.raises(ConflictError, match="not completed"):
        await redo_summary(stores, blobs, SETTINGS, "RM_open")
