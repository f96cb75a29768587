"""Rooms that record by LiveKit's egress: asked for once, delivered, and never at the agent's cost.

LiveKit, database and bucket are real; the egress workers are `tests/fakes/egress.py`.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from livekit import api as livekit_api

from functions.webhook.app import create_app
from functions.webhook.services import Services
from functions.whisper_job.job import Job
from parley.audio.ogg import decode
from parley.audio.resample import to_int16
from parley.blobs import egress_key, manifest_key, recording_key
from parley.blobs.keys import RecordingName
from parley.domain.room import RoomStatus
from parley.domain.segment import Version
from parley.domain.track import EgressState, Recording, Track, TrackStatus
from parley.livekit_api import LiveKit
from parley.rooms.audit import COMPLETE
from parley.rooms.reconcile import Reconciler
from parley.transcribe import WhisperTranscriber
from tests.fakes.egress import FakeEgress, fake_egress
from tests.integration.fleet.speech import RATE, Person, silence
from tests.integration.reconcile.test_reconcile import Queued
from tests.integration.webhook.conftest import bearer
from tests.integration.webhook.signed import Signed, audio, event, sign, speaker
from tests.integration.webhook.speaking import until

pytestmark = pytest.mark.timeout(90)
SPEECH = Path(__file__).parents[2] / "data" / "two_sentences.ogg"


@dataclass
class World:
    """The API in front of a LiveKit with egress workers, and a room that records by them."""

    services: Services
    api: httpx.AsyncClient
    egress: FakeEgress
    name: str
    sid: str = ""

    async def open(self) -> None:
        body = {"name": self.name, "options": {"record": "egress"}}
        answer = await self.api.post("/rooms", json=body)
        assert answer.status_code == 201, answer.text
        self.sid = answer.json()["room"]["sid"]

    async def sweep(self) -> None:
        answer = await self.api.post(f"/rooms/{self.sid}/register", json={"name": self.name})
        assert answer.status_code == 200, answer.text

    async def webhook(self, kind: str, track_sid: str) -> str:
        message = event(kind, self.sid, participant=speaker(), track=audio(track_sid))
        signed = sign(message, self.services.settings)
        answer = await self.api.post(
            "/webhooks/livekit", content=signed.body, headers=signed.headers
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["outcome"])

    async def person(self) -> tuple[Person, str]:
        """Somebody in the room, and the track that LiveKit lists as theirs."""
        token = self.services.livekit.join_token(self.name, "ann")
        ann = Person(self.services.settings.livekit_url, token)
        await ann.join()
        sid = await ann.publish()

        async def listed() -> bool:
            people = await self.services.livekit.list_participants(self.name)
            return any(person.audio_tracks for person in people)

        await until(listed)
        return ann, sid

    async def track(self, sid: str) -> Track:
        return await self.services.stores.tracks.get(sid)

    async def until_state(self, sid: str, state: EgressState) -> Track:
        async def is_so() -> bool:
            track = await self.track(sid)
            return track.egress is not None and track.egress.state is state

        await until(is_so, within_s=15)
        return await self.track(sid)

    async def reconcile(self, *, after_ms: int = 0) -> dict[str, int]:
        services = self.services
        reconciler = Reconciler(
            services.settings,
            services.stores,
            services.blobs,
            services.livekit,
            Queued(),
            lambda: services.clock() + after_ms,
        )
        report = await reconciler.once()
        assert report.failed == 0
        return dict(report.repairs)

    async def audit(self) -> dict[str, Any]:
        answer = await self.api.get(f"/rooms/{self.sid}/audit")
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
async def world(services: Services) -> AsyncIterator[World]:
    held: dict[str, World] = {}

    async def send(signed: Signed) -> None:
        answer = await held["world"].api.post(
            "/webhooks/livekit", content=signed.body, headers=signed.headers
        )
        assert answer.status_code == 200, answer.text

    async with fake_egress(services.settings, send) as egress:
        asked = services.settings.model_copy(update={"livekit_url": egress.url})
        services = Services(**{**vars(services), "livekit": LiveKit.from_settings(asked)})
        app = httpx.ASGITransport(create_app(services))
        async with httpx.AsyncClient(
            transport=app, base_url="http://parley", headers=bearer(services.settings, "admin")
        ) as api:
            world = World(services, api, egress, f"room-{uuid.uuid4().hex[:8]}")
            held["world"] = world
            await world.open()
            yield world
            assert egress.problems == []
            await services.livekit.delete_room(world.name)
            await services.livekit.aclose()


@pytest.fixture(scope="module")
def whisper() -> WhisperTranscriber:
    return WhisperTranscriber.load("tiny.en", threads=1)


async def test_egress_records_and_the_room_completes_with_its_final_transcript(
    world: World, whisper: WhisperTranscriber
) -> None:
    services, blobs = world.services, world.services.blobs
    ann, sid = await world.person()
    await world.sweep()
    await world.until_state(sid, EgressState.ACTIVE)
    for _ in range(2):  # LiveKit's own word of it comes late, and twice
        assert await world.webhook("track_published", sid) == "handled"
    await world.sweep()
    first_sentence = decode(SPEECH, RATE)[: int(4.5 * RATE)]
    begun_ms, ended_ms = await ann.speak(to_int16(first_sentence))
    await ann.speak(silence(0.5))
    assert await blobs.size(recording_key(world.sid, sid)) is None
    await ann.leave()
    track = await world.until_state(sid, EgressState.DELIVERED)

    assert [len(world.egress.of_track(sid)), world.egress.asked.count("StartTrackEgress")] == [1, 1]
    [job] = world.egress.of_track(sid)
    assert job.request.file.filepath == egress_key(world.sid, sid)

    async def moved() -> bool:
        return await blobs.size(recording_key(world.sid, sid)) is not None

    await until(moved)
    track = await world.track(sid)
    assert track.status is TrackStatus.RECORDED
    body = await blobs.get(manifest_key(world.sid, sid))
    manifest = Recording.model_validate_json(body)
    assert manifest == track.recording
    assert (manifest.method, manifest.bytes) == ("egress", job.path.stat().st_size)
    assert manifest.started_ms == job.info.started_at // 1_000_000
    seconds = len(decode(await blobs.get(recording_key(world.sid, sid)))) / 16_000
    assert abs(seconds - (manifest.ended_ms - manifest.started_ms) / 1000) < 0.5

    answer = await world.api.post(f"/rooms/{world.sid}/finalize")
    assert answer.json()["status"] == "final_room"
    run = Job(
        settings=services.settings,
        stores=services.stores,
        blobs=blobs,
        transcriber=lambda: whisper,
        remaining_ms=lambda: 900_000,
    )
    await run.run(RecordingName(world.sid, sid), owner="test")
    room = await services.stores.rooms.get(world.sid)
    assert room.status is RoomStatus.COMPLETED
    track = await world.track(sid)
    assert track.status is TrackStatus.TRANSCRIBED
    said = await services.stores.chunks.read_version(
        sid, Version.FINAL, track.headers(Version.FINAL)
    )
    assert "friday" in " ".join(segment.text for segment in said).lower()
    # Times come from where the egress's file begins.
    assert abs(said[0].start_ms - (begun_ms + 500)) < 700
    assert abs(said[-1].end_ms - ended_ms) < 700
    audit = (await world.audit())["tracks"][0]
    assert (audit["recorded_by"], audit["verdict"], audit["note"]) == ("egress", COMPLETE, None)


async def test_a_published_track_is_asked_for_once_whoever_sees_it(world: World) -> None:
    ann, sid = await world.person()
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(world.webhook("track_published", sid))
            group.create_task(world.sweep())
        group.create_task(world.reconcile())
    await world.until_state(sid, EgressState.ACTIVE)
    await world.reconcile()
    assert world.egress.asked.count("StartTrackEgress") == 1
    await ann.leave()


async def test_the_reconciler_starts_what_no_webhook_told_of_and_ends_what_none_tells(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lost(_: Signed) -> None:
        return

    monkeypatch.setattr(world.egress, "_send", lost)
    ann, sid = await world.person()
    assert (await world.reconcile())["egress-begun"] == 1
    [job] = world.egress.of_track(sid)
    await asyncio.wait_for(job.first_sample.wait(), 10)
    await world.reconcile()
    await world.until_state(sid, EgressState.ACTIVE)
    await ann.speak(silence(0.3))
    await ann.leave()

    async def over() -> bool:
        return job.info.status == livekit_api.EgressStatus.EGRESS_COMPLETE

    await until(over)
    assert (await world.reconcile())["egress-mended"] == 1
    track = await world.track(sid)
    assert (track.status, track.egress and track.egress.state) == (
        TrackStatus.RECORDED,
        EgressState.DELIVERED,
    )
    assert await world.services.blobs.size(recording_key(world.sid, sid))


@pytest.mark.parametrize("code", ["unavailable", "resource_exhausted"])
async def test_where_egress_is_refused_the_agent_stands_in_and_it_is_said(
    world: World, code: str
) -> None:
    world.egress.refuse = code
    ann, sid = await world.person()
    assert await world.webhook("track_published", sid) == "handled"
    track = await world.until_state(sid, EgressState.FAILED)
    assert track.egress is not None
    assert code in (track.egress.error or "")
    world.egress.refuse = None
    assert "egress-begun" not in await world.reconcile(), "the agent's recording goes on"
    [shown] = (await world.api.get(f"/rooms/{world.sid}/tracks")).json()["tracks"]
    assert shown["egress"]["state"] == "failed"
    [audited] = (await world.audit())["tracks"]
    assert audited["note"].startswith("recorded by the agent, since egress did not: LiveKit did")
    await ann.leave()


async def test_an_egress_that_dies_half_way_leaves_no_recording_behind(world: World) -> None:
    ann, sid = await world.person()
    await world.sweep()
    await world.until_state(sid, EgressState.ACTIVE)
    [job] = world.egress.of_track(sid)
    await world.egress.fail(job, "the worker ran out of disk")
    track = await world.until_state(sid, EgressState.FAILED)
    assert track.egress is not None
    assert track.egress.error == "failed: the worker ran out of disk"
    assert (track.status, track.unpublished_ms) == (TrackStatus.LIVE, None)
    assert await world.services.blobs.list_keys(f"recordings/{world.sid}/") == []
    await ann.leave()


async def test_finalising_stops_the_egress_of_those_who_stay(world: World) -> None:
    ann, sid = await world.person()
    await world.sweep()
    await world.until_state(sid, EgressState.ACTIVE)
    await ann.speak(silence(0.3))
    await world.api.post(f"/rooms/{world.sid}/finalize")
    await world.until_state(sid, EgressState.DELIVERED)
    assert world.egress.asked.count("StopEgress") == 1
    await ann.leave()


async def test_what_a_failed_egress_left_is_taken_where_no_agent_recorded(world: World) -> None:
    """Its file began late, so the agent's was to count; but no agent was there."""
    ann, sid = await world.person()
    await world.sweep()
    track = await world.until_state(sid, EgressState.ACTIVE)
    tracks = world.services.stores.database.collection("tracks")
    change = {"published_ms": track.published_ms - 60_000}
    await tracks.update({"_id": sid}, {"$set": change})
    rooms = world.services.stores.database.collection("rooms")
    await rooms.update({"_id": world.sid}, {"$set": {"registered_ms": 1}})
    await ann.speak(silence(0.3))
    await ann.leave()
    track = await world.until_state(sid, EgressState.FAILED)
    assert track.egress is not None
    assert (track.egress.error or "").startswith("it began 6")
    await world.services.stores.tracks.unpublish(sid, world.services.clock())
    assert await world.reconcile(after_ms=120_000) == {}
    assert (await world.reconcile(after_ms=700_000))["egress-rescued"] == 1
    assert (await world.track(sid)).status is TrackStatus.RECORDED
    assert "only a part is there" in (await world.audit())["tracks"][0]["note"]
