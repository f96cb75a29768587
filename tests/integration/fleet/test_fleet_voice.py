"""The assistant speaks in a real room: heard, answered for, stopped, interrupted and recorded."""

import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest
from livekit import rtc

from parley.audio.ogg import decode
from parley.blobs import BlobStore, recording_key
from parley.domain.room import RoomOptions
from parley.domain.segment import Segment, Version
from parley.domain.track import Track, TrackStatus
from parley.livekit_api import LiveKit, LiveRoom
from parley.settings import Settings
from parley.storage import Stores
from tests.integration.fleet.conftest import FleetProcess, eventually, open_room
from tests.integration.fleet.ear import Ear
from tests.integration.fleet.speech import Person, say, silence

SENTENCE = "can you review the budget"
LONG = " ".join(f"This is sentence number {n} of a long announcement." for n in range(12))

pytestmark = pytest.mark.timeout(90)


@pytest.fixture
async def ear(fleet_settings: Settings, livekit: LiveKit, room: LiveRoom) -> AsyncIterator[Ear]:
    found = Ear(fleet_settings.livekit_url, livekit.join_token(room.name, "ear"))
    await found.join()
    yield found
    await found.leave()


@asynccontextmanager
async def talker(settings: Settings, livekit: LiveKit, room: LiveRoom) -> AsyncIterator[Person]:
    someone = Person(settings.livekit_url, livekit.join_token(room.name, "alice"))
    await someone.join()
    await someone.publish()
    await someone.speak(silence(1))
    yield someone
    await someone.leave()


async def voice_tracks(stores: Stores, room: LiveRoom) -> list[Track]:
    stored = await stores.rooms.get(room.sid)
    found = await stores.tracks.get_many(stored.tracks)
    return [track for track in found if track.kind == "assistant"]


async def said(stores: Stores, room: LiveRoom, count: int) -> list[Segment]:
    """The assistant's live segments, once there are so many."""
    found: list[Segment] = []

    async def stored() -> bool:
        nonlocal found
        tracks = await voice_tracks(stores, room)
        found = [
            segment
            for track in tracks
            for segment in await stores.chunks.read_version(
                track.id, Version.LIVE, track.headers(Version.LIVE)
            )
        ]
        return len(found) >= count

    await eventually(stored, what=f"{count} segments of the assistant")
    return found


async def test_what_is_asked_for_is_heard_and_in_the_record(
    ear: Ear, room: LiveRoom, stores: Stores, bucket: BlobStore, livekit: LiveKit
) -> None:
    await ear.control({"id": "one", "text": SENTENCE})
    await ear.told("one", "done")
    assert ear.states("one") == ["queued", "speaking", "done"]

    async def all_heard() -> bool:
        return ear.loud_seconds() > 0.9 and max(ear.loudness()[-20:]) < 50

    await eventually(all_heard, 5.0, "speech heard")
    assert SENTENCE in ear.recognised()

    [segment] = await said(stores, room, 1)
    [track] = await voice_tracks(stores, room)
    assert segment.text == SENTENCE
    assert (track.identity, track.name) == (ear.agent, "Parley")
    agent = ear.agent
    await livekit.delete_room(room.name)

    async def recorded() -> bool:
        return (await stores.tracks.get(track.id)).status is TrackStatus.RECORDED

    await eventually(recorded, what="recorded")
    track = await stores.tracks.get(track.id)
    assert track.recording is not None
    assert track.identity == agent
    assert track.recording.started_ms <= segment.start_ms < segment.end_ms
    assert segment.end_ms <= track.recording.ended_ms

    async def uploaded() -> bool:
        return await bucket.size(recording_key(room.sid, track.id)) is not None

    await eventually(uploaded, what="audio stored")
    audio = decode(await bucket.get(recording_key(room.sid, track.id)))
    spoken_s = (segment.end_ms - segment.start_ms) / 1000
    assert spoken_s - 0.1 < len(audio) / 16_000 < spoken_s + 3.0  # some silence is kept after it
    assert float(abs(audio).max()) > 0.05


async def test_requests_are_spoken_in_order_and_can_be_stopped(
    ear: Ear, room: LiveRoom, stores: Stores
) -> None:
    await ear.control({"id": "long", "text": LONG})
    await ear.control({"id": "dropped", "text": "Nobody hears this."})
    await ear.control({"id": "next", "text": SENTENCE})
    await ear.told("long", "speaking")
    await said(stores, room, 1)
    await ear.control({"type": "cancel", "id": "dropped"})
    await ear.control({"id": "long", "cancel": True})
    await ear.told("next", "done")
    assert ear.states("long") == ["queued", "speaking", "cancelled"]
    assert ear.states("dropped") == ["queued", "cancelled"]
    assert ear.states("next") == ["queued", "speaking", "done"]
    texts = [segment.text for segment in await said(stores, room, 2)]
    assert texts[0] == "This is sentence number 0 of a long announcement."
    assert texts[-1] == SENTENCE
    assert "Nobody hears this." not in texts
    assert len(texts) < 12


async def test_a_request_that_cannot_be_spoken_says_why(ear: Ear) -> None:
    await ear.control({"id": "long", "text": "x" * 2001})
    await ear.control({"id": "voice", "text": "Hello.", "voice": "en-uz"})
    await ear.control({"id": "empty", "text": "..."})
    await ear.control(b"no JSON")
    await ear.control({"type": "cancel", "id": "unknown"})
    await ear.told("empty", "failed")

    async def all_told() -> bool:
        return len([s for s in ear.statuses if s["status"] == "failed"]) == 5

    await eventually(all_told, what="five refusals")
    errors = {s.get("id"): s["error"] for s in ear.statuses if s["status"] == "failed"}
    assert errors["long"] == "text: String should have at most 2000 characters."
    assert "no voice called en-uz" in errors["voice"]
    assert "nothing to say" in errors["empty"]
    assert "not JSON" in errors[None]
    assert "no such request" in errors["unknown"]
    assert not ear.loud_at


async def test_the_agent_answers_the_rpc_method_say(ear: Ear) -> None:
    me = ear.room.local_participant
    answer = await me.perform_rpc(
        destination_identity=ear.agent, method="say", payload=json.dumps({"text": "Hello there."})
    )
    found = json.loads(answer)
    assert found["status"] == "queued"
    await ear.told(found["id"], "done")
    with pytest.raises(rtc.RpcError, match="at most 2000 characters"):
        await me.perform_rpc(
            destination_identity=ear.agent, method="say", payload=json.dumps({"text": "x" * 2001})
        )


async def test_who_begins_to_speak_ends_it_and_a_cough_does_not(
    ear: Ear, room: LiveRoom, stores: Stores, livekit: LiveKit, fleet_settings: Settings
) -> None:
    async with talker(fleet_settings, livekit, room) as alice:
        await ear.control({"id": "talk", "text": LONG})
        await ear.told("talk", "speaking")
        speech = say(SENTENCE)
        loud = next(n for n in range(len(speech)) if abs(int(speech[n])) > 1000)
        await alice.speak(silence(0.5))
        await alice.speak(speech[loud : loud + 4800])  # 100 ms
        await alice.speak(silence(1.5))
        assert ear.states("talk") == ["queued", "speaking"]
        await alice.speak(speech)
        await ear.told("talk", "interrupted", 5.0)
        await alice.speak(silence(1))
    texts = [segment.text for segment in await said(stores, room, 1)]
    assert LONG.startswith(" ".join(texts))
    assert len(texts) < 12


async def test_it_is_lowered_where_the_room_says_so(
    fleet: FleetProcess, livekit: LiveKit, stores: Stores, fleet_settings: Settings
) -> None:
    options = RoomOptions(interruption="duck")
    async with open_room(livekit, stores, fleet_settings, options) as room:
        ear = Ear(fleet_settings.livekit_url, livekit.join_token(room.name, "ear"))
        await ear.join()
        async with talker(fleet_settings, livekit, room) as alice:
            await ear.control({"id": "talk", "text": LONG})
            await ear.told("talk", "speaking")
            await alice.speak(silence(2.0))
            before = ear.loud_level()
            await alice.speak(say(f"{SENTENCE} and the report is ready for the client"))
            during = ear.loud_level()
            await alice.speak(silence(2.5))
            after = ear.loud_level()
            assert ear.states("talk") == ["queued", "speaking"]
            await ear.control({"type": "cancel"})
            await ear.told("talk", "cancelled")
        await ear.leave()
    assert during < before / 2.5
    assert after > during * 1.5  # sentences differ in loudness


async def test_a_crash_of_the_engine_fails_the_request_and_no_more(
    ear: Ear, fleet: FleetProcess
) -> None:
    await ear.control({"id": "first", "text": "Hello."})
    await ear.told("first", "done")
    engine = engine_of(fleet)
    engine.suspend()
    await ear.control({"id": "second", "text": "Hello again."})

    async def under_way() -> bool:
        return "parley_speech_making 1.0" in await fleet.metrics()

    await eventually(under_way, what="a sentence is being made")
    engine.send_signal(signal.SIGKILL)
    await ear.told("second", "failed")
    [error] = [s["error"] for s in ear.statuses if s["status"] == "failed"]
    assert "process ended" in error
    await ear.control({"id": "third", "text": "Hello again."})
    await ear.told("third", "done", 30.0)
    assert engine_of(fleet).pid != engine.pid
    metrics = await fleet.metrics()
    assert "parley_speech_crashes 1.0" in metrics
    assert 'parley_speech_requests_total{state="failed"} ' in metrics


def engine_of(fleet: FleetProcess) -> psutil.Process:
    assert fleet.process is not None
    children = psutil.Process(fleet.process.pid).children()
    [engine] = [c for c in children if "agent_fleet.voice.engine_main" in c.cmdline()]
    return engine
