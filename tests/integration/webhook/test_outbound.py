"""Outbound events on the real database: told at least once, whoever dies in between."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import stamina

from functions.summarize.job import summarize_room
from functions.webhook.app import create_app
from functions.webhook.services import Services
from parley.clock import wall_clock_ms
from parley.domain.room import RoomOptions
from parley.domain.track import TrackStatus
from parley.errors import StorageUnavailableError
from parley.outbound.announcer import WAITS_MS, Announcer
from parley.rooms.completion import finalize_room, finish_track
from parley.rooms.erase import erase_room
from parley.rooms.reconcile import Reconciler
from parley.rooms.tracks import publish_track
from parley.settings import Settings
from parley.storage import Stores
from tests.fakes.receiver import Receiver, receiver
from tests.integration.reconcile.test_reconcile import Queued
from tests.integration.webhook.conftest import bearer
from tests.integration.webhook.speaking import until


@dataclass
class World:
    """The API with one receiver of events, and a clock that can be moved on."""

    services: Services
    api: httpx.AsyncClient
    receiver: Receiver
    ahead_ms: int = 0

    def clock(self) -> int:
        return wall_clock_ms() + self.ahead_ms

    @property
    def announcer(self) -> Announcer:
        return Announcer.from_settings(self.services.settings, self.services.stores, self.clock)

    async def room(self) -> str:
        sid = f"RM_{uuid.uuid4().hex[:10]}"
        await self.services.stores.rooms.register(sid, "weekly", RoomOptions(), self.clock())
        return sid

    async def track(self, room_sid: str) -> str:
        sid = f"TR_{uuid.uuid4().hex[:10]}"
        assert await publish_track(
            self.services.stores,
            room_sid=room_sid,
            track_sid=sid,
            identity="ann",
            name="Ann",
            published_ms=self.clock(),
        )
        return sid

    async def finish(self, track_sid: str) -> None:
        await finish_track(
            self.services.stores, self.services.blobs, track_sid, TrackStatus.TRANSCRIBED
        )

    async def complete(self) -> str:
        """A room that is completed, of which nobody was told yet."""
        sid = await self.room()
        await finalize_room(self.services.stores, self.services.blobs, sid)
        return sid

    async def reconcile(self, *, after_ms: int = 0) -> dict[str, int]:
        self.ahead_ms += after_ms
        self.receiver.ahead_ms = self.ahead_ms
        services = self.services
        report = await Reconciler(
            services.settings,
            services.stores,
            services.blobs,
            services.livekit,
            Queued(),
            self.clock,
        ).once()
        return dict(report.repairs)

    async def log(self, room_sid: str) -> list[dict[str, Any]]:
        answer = await self.api.get(f"/rooms/{room_sid}/deliveries")
        assert answer.status_code == 200, answer.text
        found: list[dict[str, Any]] = answer.json()["deliveries"]
        return found

    def told(self, room_sid: str) -> list[str]:
        """The kinds of events that the receiver took of a room."""
        return [e["type"] for e in self.receiver.got if e["data"]["room_sid"] == room_sid]


async def world_of(services: Services, settings: Settings) -> Services:
    return Services(
        **{**vars(services), "settings": settings, "stores": Stores.from_settings(settings)}
    )


@pytest.fixture
async def world(services: Services) -> AsyncIterator[World]:
    async with receiver() as found:
        settings = services.settings.model_copy(
            update={"event_endpoints": [found.endpoint()], "event_allow_loopback": True}
        )
        telling = await world_of(services, settings)
        transport = httpx.ASGITransport(create_app(telling))
        async with httpx.AsyncClient(
            transport=transport, base_url="http://parley", headers=bearer(settings, "admin")
        ) as api:
            yield World(telling, api, found)
        telling.stores.close()


@pytest.fixture
def at_once() -> Iterator[None]:
    """The second try of a round follows at once."""
    with stamina.set_testing(True, attempts=2, cap=True):
        yield


async def test_a_rooms_end_is_told_from_its_transcripts_to_its_summary(world: World) -> None:
    services = world.services
    sid = await world.room()
    track = await world.track(sid)
    await world.finish(track)
    assert await world.announcer.announce(sid) == 1
    assert world.told(sid) == ["transcript.final"]
    assert world.receiver.got[0]["data"]["track_sid"] == track
    assert (await world.api.post(f"/rooms/{sid}/finalize")).json()["status"] == "completed"

    async def two() -> bool:
        return len(world.told(sid)) == 2

    await until(two)
    await summarize_room(services.settings, services.stores, services.blobs, sid)
    await world.announcer.announce(sid)
    assert world.told(sid) == ["transcript.final", "room.completed", "summary.ready"]
    log = await world.log(sid)
    assert [one["type"] for one in log] == world.told(sid)
    assert [one["event_id"] for one in log] == world.receiver.ids
    for one in log:
        assert (one["status"], one["next_ms"], one["endpoint"]) == ("delivered", None, "crm")
        [attempt] = one["attempts"]
        assert (attempt["status"], attempt["error"]) == (200, None)
    # Nothing is told twice, whatever is done again.
    await world.finish(track)
    await finalize_room(services.stores, services.blobs, sid)
    await summarize_room(services.settings, services.stores, services.blobs, sid)
    assert await world.reconcile() == {}
    assert len(world.told(sid)) == 3


async def test_what_whoever_made_it_did_not_tell_the_reconciler_tells(world: World) -> None:
    sid = await world.complete()  # and died
    assert world.receiver.requests == 0
    assert (await world.reconcile())["events-told"] == 1
    assert world.told(sid) == ["room.completed"]
    assert "events-told" not in await world.reconcile()


@pytest.mark.usefixtures("at_once")
async def test_a_receiver_that_is_away_is_told_when_it_is_back(world: World) -> None:
    world.receiver.answers = [503, 500, 503, 503]
    sid = await world.complete()
    assert await world.announcer.announce(sid) == 0
    assert "events-told" not in await world.reconcile(after_ms=WAITS_MS[0] - 10_000)
    assert "events-told" not in await world.reconcile(after_ms=11_000)
    [one] = await world.log(sid)
    assert one["status"] == "pending"
    assert [a["status"] for a in one["attempts"]] == [503, 500, 503, 503]
    assert (await world.reconcile(after_ms=WAITS_MS[1]))["events-told"] == 1
    [one] = await world.log(sid)
    assert (one["status"], one["attempts"][-1]["status"]) == ("delivered", 200)
    assert world.receiver.ids == [one["event_id"]]


@pytest.mark.usefixtures("at_once")
async def test_a_receiver_that_never_comes_back_is_given_up_after_a_day(world: World) -> None:
    sid = await world.complete()
    world.receiver.answers = [500] * 100
    waits = (0, *WAITS_MS)
    for wait_ms in waits:
        [one] = await world.log(sid) or [{"status": "pending"}]
        assert one["status"] == "pending"
        await world.reconcile(after_ms=wait_ms)
    [one] = await world.log(sid)
    assert one["status"] == "failed"
    assert world.receiver.requests == 2 * len(waits)
    await world.reconcile(after_ms=86_400_000)
    assert world.receiver.requests == 2 * len(waits)


async def test_many_who_tell_at_once_tell_once(world: World) -> None:
    sid = await world.complete()
    async with asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(world.announcer.announce(sid))
    await world.announcer.announce(sid)
    assert world.told(sid) == ["room.completed"]


async def test_an_address_that_is_not_public_is_refused_for_good(world: World) -> None:
    strict = world.services.settings.model_copy(update={"event_allow_loopback": False})
    sid = await world.complete()
    announcer = Announcer.from_settings(strict, world.services.stores, world.clock)
    assert await announcer.announce(sid) == 0
    [one] = await world.log(sid)
    assert (one["status"], one["next_ms"]) == ("refused", None)
    assert one["attempts"][0]["error"] == "the address is not a public one"
    assert world.receiver.requests == 0


async def test_a_database_that_goes_away_meanwhile_is_no_trouble_of_the_callers(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sid = await world.complete()

    async def away(*_: object) -> None:
        raise StorageUnavailableError("injected")

    with monkeypatch.context() as broken:
        broken.setattr(world.services.stores.deliveries, "save", away)
        assert await world.announcer.announce(sid) == 0
    assert world.told(sid) == ["room.completed"]
    # Nobody knows whether it arrived, so it is told again.
    assert (await world.reconcile(after_ms=40_000))["events-told"] == 1
    assert len(set(world.receiver.ids)) == 1


async def test_an_endpoint_is_told_of_what_it_wants(services: Services, world: World) -> None:
    endpoints = [
        world.receiver.endpoint("all"),
        world.receiver.endpoint("summaries", kinds=["summary.ready"]),
    ]
    settings = world.services.settings.model_copy(update={"event_endpoints": endpoints})
    sid = await world.complete()
    await Announcer.from_settings(settings, world.services.stores, world.clock).announce(sid)
    assert [one["endpoint"] for one in await world.log(sid)] == ["all"]


async def test_where_nobody_is_told_nothing_is_noted(services: Services, world: World) -> None:
    sid = await world.room()
    await finalize_room(services.stores, services.blobs, sid)
    room = await services.stores.rooms.get(sid)
    assert (room.status, room.outbox) == ("completed", ())
    assert await world.log(sid) == []


async def test_an_erased_room_leaves_no_log_and_is_told_of_no_more(world: World) -> None:
    world.receiver.answers = [500, 500]
    sid = await world.complete()
    await world.announcer.announce(sid)
    await erase_room(world.services.stores, world.services.blobs, sid, by="ann")
    assert (await world.api.get(f"/rooms/{sid}/deliveries")).status_code == 404
    assert "events-told" not in await world.reconcile(after_ms=WAITS_MS[0])
    assert world.told(sid) == []
