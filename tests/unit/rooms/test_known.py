"""Rooms that are remembered for a moment: read once, never believed for long."""

import pytest

from parley.domain.room import Room
from parley.rooms.known import KnownRooms
from parley.storage import RoomStore


class Rooms(RoomStore):
    """A store of rooms in memory that counts its reads."""

    def __init__(self, *sids: str) -> None:
        self.stored = {
            sid: Room(id=sid, name=sid, registered_ms=1, tracks=("TR_1",), participants=("ann",))
            for sid in sids
        }
        self.reads = 0

    async def find(self, sid: str) -> Room | None:
        self.reads += 1
        return self.stored.get(sid)


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


async def test_a_room_is_read_once_in_a_while_and_its_tracks_are_not_kept(clock: Clock) -> None:
    rooms, known = Rooms("RM_a"), KnownRooms(keep_s=2.0, monotonic=clock)
    for _ in range(5):
        room = await known.find(rooms, "RM_a")
        assert room is not None
        assert (room.participants, room.tracks) == (("ann",), ())
    assert rooms.reads == 1
    clock.now = 2.1
    assert await known.find(rooms, "RM_a") is not None
    assert rooms.reads == 2


async def test_a_room_that_is_not_registered_is_asked_for_each_time(clock: Clock) -> None:
    rooms, known = Rooms(), KnownRooms(monotonic=clock)
    assert await known.find(rooms, "RM_a") is None
    rooms.stored = Rooms("RM_a").stored
    assert await known.find(rooms, "RM_a") is not None


async def test_a_forgotten_room_is_read_anew(clock: Clock) -> None:
    rooms, known = Rooms("RM_a", "RM_b"), KnownRooms(monotonic=clock)
    for sid in ("RM_a", "RM_b"):
        await known.find(rooms, sid)
    known.forget("RM_a")
    known.forget("RM_unknown")
    rooms.stored.clear()
    assert await known.find(rooms, "RM_a") is None
    assert await known.find(rooms, "RM_b") is not None


async def test_only_so_many_are_kept_the_newest(clock: Clock) -> None:
    rooms, known = Rooms("RM_a", "RM_b", "RM_c"), KnownRooms(most=2, monotonic=clock)
    for sid in ("RM_a", "RM_b", "RM_c", "RM_b", "RM_c"):
        assert await known.find(rooms, sid) is not None
    assert rooms.reads == 3
    await known.find(rooms, "RM_a")
    assert rooms.reads == 4
