"""One speaker's recogniser fails: nobody else notices, and no word goes to another speaker."""

import asyncio
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from parley.domain.segment import Version
from parley.livekit_api import LiveKit
from parley.storage import Stores
from parley_cli.demo.listener import Listener
from parley_cli.stack.stack import Stack
from tests.integration.fleet.conftest import FleetProcess, eventually, new_settings, open_room
from tests.integration.fleet.speech import Person, say, silence

SENTENCES = {
    "alice": "the customer asked about the invoice",
    "bob": "can you review the budget",
    "carol": "we should fix the login page first",
}
TIMES = 2

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def faulty(
    mongo_server: Stack, minio_server: Stack, livekit_server: Stack, tmp_path: Path
) -> Iterator[FleetProcess]:
    """A fleet in which alice's recogniser raises for every frame."""
    settings = new_settings(
        mongo_server, minio_server, livekit_server, state_dir=tmp_path / "state"
    )
    program = ("bench.faulty_agent", "raises", "alice")
    fleet = FleetProcess(settings, tmp_path / "fleet.log", program=program)
    fleet.start()
    assert fleet.process is not None
    fleet.process.send_signal(signal.SIGUSR1)
    yield fleet
    fleet.stop()


async def test_a_recogniser_that_fails_pauses_its_own_speaker_and_no_other(
    faulty: FleetProcess,
) -> None:
    settings = faulty.settings
    stores = Stores.from_settings(settings)
    async with (
        LiveKit.from_settings(settings) as livekit,
        open_room(livekit, stores, settings) as room,
    ):
        token = livekit.join_token(room.name, "listener")
        blind = livekit.join_token(room.name, "blind", attributes={"parley.captions": "off"})
        async with (
            Listener(settings.livekit_url, token, lambda _: None) as listener,
            Listener(settings.livekit_url, blind, lambda _: None) as unread,
        ):
            people = {
                name: Person(settings.livekit_url, livekit.join_token(room.name, name))
                for name in SENTENCES
            }
            tracks: dict[str, str] = {}
            for name, person in people.items():
                await person.join()
                tracks[name] = await person.publish()

            async def heard() -> bool:
                return {p["identity"] for p in await faulty.pipelines()} == set(SENTENCES)

            await eventually(heard, what="all three are heard")
            async with asyncio.TaskGroup() as group:
                for name, person in people.items():
                    group.create_task(_speak(person, SENTENCES[name]))

            def shown(name: str) -> list[str]:
                found = (c for c in listener.captions if c.final and c.track_sid == tracks[name])
                return [c.text for c in found if c.text]

            async def all_shown() -> bool:
                return all(shown(name) == [SENTENCES[name]] * TIMES for name in ("bob", "carol"))

            await eventually(all_shown, what="the others' captions")
            assert shown("alice") == []
            # The agent hears of who publishes nothing two seconds late: by then it leaves them out.
            last_ms = max(c.start_ms for c in listener.captions if c.final)
            assert all(c.start_ms < last_ms - 500 for c in unread.captions)
            (state,) = [p for p in await faulty.pipelines() if p["identity"] == "alice"]
            assert (state["state"], state["breaker"]) == ("cooling", "opened")
            for person in people.values():
                await person.leave()

        async def all_stored() -> bool:
            found = {name: await _stored(stores, sid) for name, sid in tracks.items()}
            return found == {
                "alice": [],
                "bob": [SENTENCES["bob"]] * TIMES,
                "carol": [SENTENCES["carol"]] * TIMES,
            }

        await eventually(all_stored, what="each speaker's own segments, and no others")
    stores.close()


async def _speak(person: Person, sentence: str) -> None:
    await person.speak(silence(0.8))
    for _ in range(TIMES):
        await person.speak(say(sentence))
        await person.speak(silence(0.9))


async def _stored(stores: Stores, track_sid: str) -> list[str]:
    track = await stores.tracks.get(track_sid)
    found = await stores.chunks.read_version(track_sid, Version.LIVE, track.headers(Version.LIVE))
    return [segment.text for segment in found]
