"""Which jobs an agent process takes; that LiveKit sends them: the fleet's tests on real servers."""

import asyncio
from types import SimpleNamespace
from typing import cast

import pytest
from livekit.agents import JobContext, JobRequest

from agent_fleet import worker as worker_module
from agent_fleet.audio_tap import SdkSource
from agent_fleet.fleet import Fleet
from agent_fleet.worker import FleetWorker
from parley.settings import Settings


class Session:
    """A room that is attended until it is told to end."""

    def __init__(self, *_: object) -> None:
        self.ended = asyncio.Event()
        Session.last = self

    last: "Session"

    def attend(self) -> None:
        """Nothing happens in it."""

    async def run(self, _: str) -> None:
        """Until the end."""
        await self.ended.wait()


async def _sid() -> str:
    return "unused"


def job(sid: str) -> JobContext:
    """What the SDK begins a job with."""

    async def connect(**_: object) -> None:
        return None

    room = SimpleNamespace(sid=sid, name="standup")
    context = SimpleNamespace(
        job=SimpleNamespace(room=room, id="AJ_1"),
        room=SimpleNamespace(sid=_sid()),
        connect=connect,
        shutdown=lambda _: None,
    )
    return cast(JobContext, context)


async def taken(worker: FleetWorker, sid: str) -> bool:
    """Whether the worker takes a job for this room of the one name."""
    said: list[bool] = []

    async def accept() -> None:
        said.append(True)

    async def reject(*, terminate: bool) -> None:
        assert not terminate  # another process may take it
        said.append(False)

    room = SimpleNamespace(sid=sid, name="standup")
    request = SimpleNamespace(room=room, accept=accept, reject=reject)
    await worker._answer(cast(JobRequest, request))
    [answer] = said
    return answer


@pytest.fixture
def load() -> list[float]:
    """The process's load, which a test may change."""
    return [0.0]


@pytest.fixture
async def worker(load: list[float], monkeypatch: pytest.MonkeyPatch) -> FleetWorker:
    """A worker that is not connected."""
    monkeypatch.setattr(worker_module, "RoomSession", Session)
    manager = SimpleNamespace(load=lambda: load[0])
    source = SdkSource(frame_ms=120, routed=True)
    fleet = SimpleNamespace(
        settings=Settings(), manager=manager, audio_source=lambda _name, _job: source
    )
    return FleetWorker(cast(Fleet, fleet))


async def test_a_room_of_the_same_name_is_taken_while_the_one_before_is_being_left(
    worker: FleetWorker,
) -> None:
    attending = asyncio.create_task(worker._attend(job("RM_1")))
    await asyncio.sleep(0)
    assert not await taken(worker, "RM_1"), "it is there already"
    assert await taken(worker, "RM_2")
    Session.last.ended.set()
    await attending
    assert await taken(worker, "RM_1")


async def test_a_full_process_leaves_rooms_to_others(
    worker: FleetWorker, load: list[float]
) -> None:
    load[0] = 1.0
    assert not await taken(worker, "RM_1")
