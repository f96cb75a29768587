"""Who records, as the agent asks: it waits for egress's word, and takes over when none comes."""

from dataclasses import dataclass, field
from typing import cast

import pytest

from agent_fleet.recording_choice import RecordingChoice
from parley.domain.room import Room, RoomOptions
from parley.domain.track import EgressState, Track, TrackEgress
from parley.errors import StorageUnavailableError
from parley.storage import Stores


@dataclass
class Memory:
    """What the agent looks at, in memory; and a clock that its waits move."""

    record: str = "egress"
    now_ms: int = 1_000
    track: Track | None = field(
        default_factory=lambda: Track(id="TR_a", room_sid="RM_a", identity="ann")
    )
    away: int = 0
    looked: int = 0
    delivers_at_ms: int | None = None

    @property
    def stores(self) -> Stores:
        memory = self

        class Rooms:
            async def find(self, sid: str) -> Room:
                if memory.away:
                    memory.away -= 1
                    raise StorageUnavailableError("away")
                options = RoomOptions.model_validate({"record": memory.record})
                return Room(id=sid, name="a", registered_ms=1, options=options)

        class Tracks:
            async def find(self, sid: str) -> Track | None:
                memory.looked += 1
                due = memory.delivers_at_ms
                if memory.track and due is not None and memory.now_ms >= due:
                    memory.decide(EgressState.DELIVERED)
                return memory.track

        class Egress:
            async def fail(self, sid: str, error: str, now_ms: int, **_: object) -> bool:
                memory.decide(EgressState.FAILED, error)
                return True

        class Bundle:
            rooms, tracks, egress = Rooms(), Tracks(), Egress()

        return cast(Stores, Bundle())

    def decide(self, state: EgressState, error: str | None = None) -> None:
        assert self.track is not None
        if self.track.egress is None:
            known = TrackEgress(state=state, requested_ms=1, error=error)
            self.track = self.track.model_copy(update={"egress": known})

    async def wait(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1000)

    def choice(self, wait_s: float = 60.0) -> RecordingChoice:
        return RecordingChoice(self.stores, wait_s, lambda: self.now_ms, self.wait)


@pytest.fixture
def memory() -> Memory:
    return Memory()


@pytest.mark.parametrize(("record", "ours"), [("agent", True), ("none", False)])
async def test_where_egress_is_not_asked_nothing_is_waited_for(
    memory: Memory, record: str, ours: bool
) -> None:
    memory.record = record
    assert await memory.choice().is_ours("RM_a", "TR_a", 0) is ours
    assert (memory.looked, memory.now_ms) == (1, 1_000)


async def test_what_egress_delivers_in_time_is_not_ours(memory: Memory) -> None:
    memory.delivers_at_ms = 20_000
    assert await memory.choice().is_ours("RM_a", "TR_a", 0) is False
    assert memory.looked < 12, "it asks less and less often"


async def test_an_egress_that_stays_silent_is_given_up(memory: Memory) -> None:
    assert await memory.choice().is_ours("RM_a", "TR_a", 0) is True
    assert 60_000 <= memory.now_ms < 66_000
    assert memory.track is not None
    assert memory.track.egress is not None
    assert memory.track.egress.error == "no recording came of it within 60 s of the track's end"


async def test_what_a_killed_agent_left_long_ago_is_decided_at_once(memory: Memory) -> None:
    memory.now_ms = 10_000_000
    assert await memory.choice().is_ours("RM_a", "TR_a", 0) is True
    assert memory.now_ms == 10_000_000


async def test_a_track_that_nobody_knows_is_ours(memory: Memory) -> None:
    memory.track = None
    assert await memory.choice().is_ours("RM_a", "TR_a", 0) is True


async def test_a_database_that_is_away_is_asked_again(memory: Memory) -> None:
    memory.away = 1
    memory.delivers_at_ms = 0
    assert await memory.choice().is_ours("RM_a", "TR_a", 0) is False
