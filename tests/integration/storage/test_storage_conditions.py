"""The conditions that the stores rest on, as the server at hand answers them."""

import asyncio
import uuid

import pytest
from pydantic import SecretStr

from parley.domain.room import RoomOptions, RoomStatus
from parley.domain.track import Recording, Track, TrackStatus
from parley.errors import StorageUnavailableError
from parley.settings import Settings
from parley.storage import Stores


@pytest.fixture
async def room_sid(stores: Stores) -> str:
    sid = f"RM_{uuid.uuid4().hex[:8]}"
    await stores.rooms.register(sid, "conditions", RoomOptions(), now_ms=1)
    return sid


async def test_a_room_is_registered_once(stores: Stores, room_sid: str) -> None:
    assert not await stores.rooms.register(room_sid, "other", RoomOptions(record="none"), now_ms=2)
    room = await stores.rooms.get(room_sid)
    assert (room.name, room.registered_ms, room.options.record) == ("conditions", 1, "agent")


async def test_a_track_is_linked_once_by_many(stores: Stores, room_sid: str) -> None:
    won = await asyncio.gather(*(stores.rooms.link_track(room_sid, "TR_a", 2) for _ in range(50)))
    assert sum(won) == 1
    room = await stores.rooms.get(room_sid)
    assert room.tracks == room.pending_tracks == ("TR_a",)


async def test_a_settled_track_is_not_awaited_again(stores: Stores, room_sid: str) -> None:
    await stores.rooms.link_track(room_sid, "TR_a", 2)
    await stores.rooms.link_track(room_sid, "TR_b", 2)
    await stores.rooms.settle_track(room_sid, "TR_a")
    assert not await stores.rooms.link_track(room_sid, "TR_a", 2)
    room = await stores.rooms.get(room_sid)
    assert (room.tracks, room.pending_tracks) == (("TR_a", "TR_b"), ("TR_b",))


async def test_many_tracks_linked_and_settled_at_once_all_arrive(
    stores: Stores, room_sid: str
) -> None:
    sids = [f"TR_{n}" for n in range(60)]
    await asyncio.gather(*(stores.rooms.link_track(room_sid, sid, 2) for sid in sids))
    room = await stores.rooms.get(room_sid)
    assert sorted(room.tracks) == sorted(room.pending_tracks) == sorted(sids)
    await asyncio.gather(*(stores.rooms.settle_track(room_sid, sid) for sid in sids[1:]))
    assert (await stores.rooms.get(room_sid)).pending_tracks == ("TR_0",)


async def test_a_final_room_takes_no_track(stores: Stores, room_sid: str) -> None:
    assert await stores.rooms.finalize(room_sid, 5)
    assert not await stores.rooms.link_track(room_sid, "TR_late", 5)
    assert (await stores.rooms.get(room_sid)).tracks == ()


async def test_a_final_room_takes_a_track_of_before_its_end(stores: Stores, room_sid: str) -> None:
    await stores.rooms.finalize(room_sid, 5)
    won = await asyncio.gather(*(stores.rooms.link_track(room_sid, "TR_a", 4) for _ in range(20)))
    assert sum(won) == 1
    room = await stores.rooms.get(room_sid)
    assert (room.status, room.pending_tracks) == (RoomStatus.FINAL_ROOM, ("TR_a",))
    assert not await stores.rooms.complete(room_sid, 6)


async def test_a_completed_room_waits_again_for_a_track_of_before_its_end(
    stores: Stores, room_sid: str
) -> None:
    await stores.rooms.finalize(room_sid, 5)
    assert await stores.rooms.complete(room_sid, 6)
    assert not await stores.rooms.link_track(room_sid, "TR_late", 5)
    won = await asyncio.gather(*(stores.rooms.link_track(room_sid, "TR_a", 4) for _ in range(20)))
    assert sum(won) == 1
    room = await stores.rooms.get(room_sid)
    assert (room.status, room.pending_tracks) == (RoomStatus.FINAL_ROOM, ("TR_a",))
    await stores.rooms.settle_track(room_sid, "TR_a")
    assert await stores.rooms.complete(room_sid, 7)


async def test_only_a_final_room_without_pending_tracks_completes(
    stores: Stores, room_sid: str
) -> None:
    assert not await stores.rooms.complete(room_sid, 2)
    await stores.rooms.link_track(room_sid, "TR_a", 2)
    await stores.rooms.finalize(room_sid, 3)
    assert not await stores.rooms.complete(room_sid, 4)
    await stores.rooms.settle_track(room_sid, "TR_a")
    won = await asyncio.gather(*(stores.rooms.complete(room_sid, 5 + n) for n in range(30)))
    assert sum(won) == 1
    room = await stores.rooms.get(room_sid)
    assert room.status is RoomStatus.COMPLETED
    assert room.completed_ms == 5 + won.index(True)


async def test_a_lease_has_one_holder_until_it_runs_out(stores: Stores, room_sid: str) -> None:
    sid = f"TR_{uuid.uuid4().hex[:8]}"
    await stores.tracks.publish(Track(id=sid, room_sid=room_sid, identity="ann"))
    claims = await asyncio.gather(
        *(stores.tracks.claim(sid, f"w{n}", now_ms=100, lease_ms=50) for n in range(30))
    )
    [held] = [track for track in claims if track]
    assert held.attempts == 1
    assert held.lease is not None
    assert await stores.tracks.claim(sid, "late", now_ms=150, lease_ms=50) is None
    assert await stores.tracks.claim(sid, "late", now_ms=151, lease_ms=50) is not None
    # The first holder has lost it: nothing it does counts any more.
    assert not await stores.tracks.extend_lease(sid, held.lease.owner, 999)
    assert not await stores.tracks.finish(sid, TrackStatus.FAILED, owner=held.lease.owner)
    assert await stores.tracks.finish(sid, TrackStatus.TRANSCRIBED, owner="late")
    assert await stores.tracks.claim(sid, "late", now_ms=999, lease_ms=50) is None


async def test_the_first_final_status_stays(stores: Stores, room_sid: str) -> None:
    sid = f"TR_{uuid.uuid4().hex[:8]}"
    await stores.tracks.publish(Track(id=sid, room_sid=room_sid, identity="ann"))
    assert await stores.tracks.finish(sid, TrackStatus.EMPTY, error="silence")
    assert not await stores.tracks.finish(sid, TrackStatus.FAILED, error="late")
    track = await stores.tracks.get(sid)
    assert (track.status, track.error) == (TrackStatus.EMPTY, "silence")
    recording = Recording(method="agent", key="k", started_ms=1, ended_ms=2)
    assert not await stores.tracks.set_recorded(sid, recording)


async def test_an_event_is_noted_once(stores: Stores) -> None:
    event = f"EV_{uuid.uuid4().hex[:8]}"
    first = await asyncio.gather(
        *(stores.events.record(event, "room_started", 10_000) for _ in range(20))
    )
    assert sum(first) == 1
    assert not await stores.events.record(event, "room_started", 99_000)


async def test_old_events_are_forgotten(stores: Stores) -> None:
    old, new = (f"EV_{uuid.uuid4().hex[:8]}" for _ in range(2))
    await stores.events.record(old, "room_started", 5)
    await stores.events.record(new, "room_started", 50_000)
    assert await stores.events.forget_before(10) >= 1
    assert await stores.events.record(old, "room_started", 60_000)
    assert not await stores.events.record(new, "room_started", 50_001)


async def test_a_database_that_is_away_is_told_apart() -> None:
    away = Stores.from_settings(
        Settings(mongo_uri=SecretStr("mongodb://127.0.0.1:1"), mongo_timeout_ms=200)
    )
    with pytest.raises(StorageUnavailableError) as caught:
        await away.rooms.get("RM_x")
    assert caught.value.retryable
    away.close()


async def test_a_known_track_learns_only_what_it_lacked(stores: Stores, room_sid: str) -> None:
    sid = f"TR_{uuid.uuid4().hex[:8]}"
    assert await stores.tracks.publish(Track(id=sid, room_sid=room_sid, identity="ann"))
    named = Track(id=sid, room_sid=room_sid, identity="ann", name="Ann", language="ko")
    assert not await stores.tracks.publish(named)
    voice = Track(id=sid, room_sid=room_sid, identity="ann", kind="assistant")
    assert not await stores.tracks.publish(voice)
    assert (await stores.tracks.get(sid)).kind == "assistant"
    other = Track(id=sid, room_sid=room_sid, identity="ann", name="Anna", language="en")
    assert not await stores.tracks.publish(other)
    track = await stores.tracks.get(sid)
    assert (track.name, track.language) == ("Ann", "ko")
