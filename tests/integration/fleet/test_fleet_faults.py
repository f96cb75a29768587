"""Nothing is lost and captions go on when the database or the object store is away, or we die."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from parley.audio.ogg import decode
from parley.blobs import BlobStore, manifest_key, recording_key
from parley.domain.segment import Version
from parley.domain.track import Recording, TrackStatus
from parley.livekit_api import LiveKit
from parley.settings import Settings
from parley.storage import Stores
from parley_cli.demo.listener import Listener
from tests.integration.fleet.conftest import (
    ROBOT,
    FleetProcess,
    eventually,
    open_room,
)
from tests.integration.fleet.ear import Ear
from tests.integration.fleet.faults import Faults, address, toxiproxy
from tests.integration.fleet.speech import Person, say, silence

SENTENCES = ("can you review the budget", "the report is ready", "thank you for the update")

pytestmark = pytest.mark.timeout(150)


@pytest.fixture
def faults() -> Iterator[Faults]:
    with toxiproxy() as running:
        yield running


@pytest.fixture
def own_fleet(direct: Settings, faults: Faults, tmp_path: Path) -> Iterator[FleetProcess]:
    """A fleet that reaches database and object store through proxies."""
    mongo = faults.proxy("mongo", address(direct.mongo_uri.get_secret_value()))
    minio = faults.proxy("minio", address(direct.s3_endpoint_url or ""))
    settings = direct.model_copy(
        update={
            "mongo_uri": SecretStr(f"mongodb://{mongo}"),
            "s3_endpoint_url": f"http://{minio}",
            "mongo_timeout_ms": 500,
        }
    )
    fleet = FleetProcess(settings, tmp_path / "fleet.log", extra=ROBOT)
    fleet.start()
    yield fleet
    if fleet.process is not None:
        fleet.stop()


@pytest.fixture
async def stores(direct: Settings) -> AsyncIterator[Stores]:
    stores = Stores.from_settings(direct)
    yield stores
    stores.close()


async def _stored(stores: Stores, track_sid: str) -> list[str]:
    track = await stores.tracks.get(track_sid)
    found = await stores.chunks.read_version(track_sid, Version.LIVE, track.headers(Version.LIVE))
    numbers = [int(s.id.rsplit(".", 1)[1]) for s in found]
    assert numbers == list(range(len(found)))
    return [s.text for s in found]


async def _speak(person: Person, sentences: tuple[str, ...]) -> None:
    for sentence in sentences:
        await person.speak(say(sentence))
        await person.speak(silence(0.9))


async def _known(stores: Stores, track_sid: str) -> None:
    async def is_known() -> bool:
        return await stores.tracks.find(track_sid) is not None

    await eventually(is_known, what="track registered")


async def test_a_database_and_object_store_that_are_away_delay_nothing_but_the_storing(
    own_fleet: FleetProcess, direct: Settings, stores: Stores, faults: Faults
) -> None:
    async with LiveKit.from_settings(direct) as livekit, open_room(livekit, stores, direct) as room:
        token = livekit.join_token(room.name, "listener")
        async with Listener(direct.livekit_url, token, lambda _: None) as listener:
            alice = Person(direct.livekit_url, livekit.join_token(room.name, "alice"))
            await alice.join()
            track_sid = await alice.publish()
            await alice.speak(silence(0.6))
            await _known(stores, track_sid)
            faults.cut("mongo")
            faults.cut("minio")
            await _speak(alice, SENTENCES)

            async def all_shown() -> bool:
                return [c.text for c in listener.captions if c.final] == list(SENTENCES)

            await eventually(all_shown, what="captions while the database is away")
            await alice.leave()

        async def recording_refused() -> bool:
            _, closed, after = own_fleet.log.read_text().partition("recording closed")
            return bool(closed) and after.count("retry_scheduled") >= 2

        await eventually(recording_refused, 30, "storing tried in vain")
        assert await _stored(stores, track_sid) == []
        faults.mend("mongo")
        faults.mend("minio")

        async def recorded() -> bool:
            return (await stores.tracks.get(track_sid)).status is TrackStatus.RECORDED

        await eventually(recorded, 60, "recording stored")

        async def all_stored() -> bool:
            return await _stored(stores, track_sid) == list(SENTENCES)

        await eventually(all_stored, 60, "segments stored")

    async def spools_empty() -> bool:  # emptied once all is stored
        spool = own_fleet.settings.state_dir / "spool"
        return not [*spool.rglob("*.jsonl"), *spool.rglob("*.ogg")]

    await eventually(spools_empty, what="spools empty")


async def test_what_a_killed_agent_had_is_finished_by_the_next_start(
    own_fleet: FleetProcess, direct: Settings, stores: Stores, faults: Faults
) -> None:
    blobs = BlobStore.from_settings(direct)
    async with LiveKit.from_settings(direct) as livekit, open_room(livekit, stores, direct) as room:
        token = livekit.join_token(room.name, "listener")
        async with Listener(direct.livekit_url, token, lambda _: None) as listener:
            alice = Person(direct.livekit_url, livekit.join_token(room.name, "alice"))
            await alice.join()
            track_sid = await alice.publish()
            await alice.speak(silence(0.6))
            await _known(stores, track_sid)
            await _speak(alice, SENTENCES[:1])
            faults.cut("mongo")
            await _speak(alice, SENTENCES[1:])
            await alice.speak(silence(1.5))

            async def all_shown() -> bool:
                return [c.text for c in listener.captions if c.final] == list(SENTENCES)

            await eventually(all_shown, what="captions")
            await asyncio.to_thread(own_fleet.stop, signal.SIGKILL)
            await alice.leave()
        await livekit.delete_room(room.name)
    faults.mend("mongo")
    assert await _stored(stores, track_sid) == list(SENTENCES[:1])

    await asyncio.to_thread(own_fleet.start)

    # The audio is put last, and only then is it gone from the spool.
    async def recorded() -> bool:
        return not list((own_fleet.settings.state_dir / "spool").rglob("*.ogg"))

    await eventually(recorded, 60, "left-over recording stored")
    assert (await stores.tracks.get(track_sid)).status is TrackStatus.RECORDED

    async def all_stored() -> bool:
        return await _stored(stores, track_sid) == list(SENTENCES)

    await eventually(all_stored, 60, "left-over segments stored")
    manifest = Recording.model_validate_json(await blobs.get(manifest_key(room.sid, track_sid)))
    audio = decode(await blobs.get(recording_key(room.sid, track_sid)))
    assert abs(len(audio) / 16_000 - (manifest.ended_ms - manifest.started_ms) / 1000) < 0.1
    spoken_s = sum(len(say(s)) for s in SENTENCES) / 48_000 + 0.9 * len(SENTENCES)
    assert len(audio) / 16_000 > spoken_s


async def test_an_agent_killed_in_a_live_room_comes_back_and_leaves_one_recording(
    own_fleet: FleetProcess, direct: Settings, stores: Stores
) -> None:
    blobs = BlobStore.from_settings(direct)
    async with LiveKit.from_settings(direct) as livekit, open_room(livekit, stores, direct) as room:
        alice = Person(direct.livekit_url, livekit.join_token(room.name, "alice"))
        await alice.join()
        track_sid = await alice.publish()
        await alice.speak(silence(0.6))
        await _speak(alice, SENTENCES[:1])
        ear = Ear(direct.livekit_url, livekit.join_token(room.name, "ear"))
        await ear.join()
        await ear.control({"id": "a", "text": "Kept as well."})
        spoken = asyncio.create_task(ear.told("a", "done"))
        while not spoken.done():
            await alice.speak(silence(0.2))
        await spoken
        await alice.speak(silence(3))  # after which its last words are on the disk
        await ear.leave()
        await asyncio.to_thread(own_fleet.stop, signal.SIGKILL)
        restarting = asyncio.create_task(asyncio.to_thread(own_fleet.start))
        while not restarting.done():
            await alice.speak(silence(0.2))
        await restarting
        for _ in range(100):
            if track_sid in [p["track_sid"] for p in await own_fleet.pipelines()]:
                break
            await alice.speak(silence(0.2))
        await alice.speak(silence(0.6))
        await _speak(alice, SENTENCES[1:2])
        assert (await stores.tracks.get(track_sid)).status is TrackStatus.LIVE
        await alice.leave()

        # The audio is put last, and only then is it gone from the spool.
        async def recorded() -> bool:
            return not list((own_fleet.settings.state_dir / "spool").rglob("*.ogg"))

        await eventually(recorded, 60, "recording stored")
        assert (await stores.tracks.get(track_sid)).status is TrackStatus.RECORDED

        async def all_stored() -> bool:
            return await _stored(stores, track_sid) == list(SENTENCES[:2])

        await eventually(all_stored, 60, "segments stored")
        tracks = await stores.tracks.get_many((await stores.rooms.get(room.sid)).tracks)
        [voice] = [track for track in tracks if track.kind == "assistant"]
        assert voice.status is TrackStatus.RECORDED
        assert await _stored(stores, voice.id) == ["Kept as well."]
    manifest = Recording.model_validate_json(await blobs.get(manifest_key(room.sid, track_sid)))
    audio = decode(await blobs.get(recording_key(room.sid, track_sid)))
    assert abs(len(audio) / 16_000 - (manifest.ended_ms - manifest.started_ms) / 1000) < 0.2
    assert len(manifest.gaps) == 1


async def test_a_slow_database_makes_no_caption_late(
    own_fleet: FleetProcess, direct: Settings, stores: Stores, faults: Faults
) -> None:
    faults.slow("mongo", 400)
    async with LiveKit.from_settings(direct) as livekit, open_room(livekit, stores, direct) as room:
        token = livekit.join_token(room.name, "listener")
        async with Listener(direct.livekit_url, token, lambda _: None) as listener:
            alice = Person(direct.livekit_url, livekit.join_token(room.name, "alice"))
            await alice.join()
            track_sid = await alice.publish()
            await alice.speak(silence(3))
            ends = []
            for sentence in SENTENCES:
                ends.append((await alice.speak(say(sentence)))[1])
                await alice.speak(silence(0.9))

            async def all_shown() -> bool:
                return [c.text for c in listener.captions if c.final] == list(SENTENCES)

            await eventually(all_shown, what="captions with a slow database")
            late = [
                c.arrived_ms - end
                for c, end in zip([c for c in listener.captions if c.final], ends, strict=True)
            ]
            assert max(late) < 2_000
            await alice.leave()

            async def all_stored() -> bool:
                return await _stored(stores, track_sid) == list(SENTENCES)

            await eventually(all_stored, 60, "segments stored")
