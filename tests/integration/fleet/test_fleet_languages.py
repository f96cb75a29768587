"""Each participant is heard in their own language, and can change it while they speak."""

import asyncio
import os
import re

import pytest
from livekit import rtc

from parley.domain.room import RoomOptions
from parley.livekit_api import LiveKit
from parley.settings import Settings
from parley.storage import Stores
from parley_cli.demo.listener import CAPTIONS_TOPIC
from tests.integration.fleet.conftest import FleetProcess, eventually, open_room
from tests.integration.fleet.speech import Person, say, silence

SENTENCE, OTHER = "can you review the budget", "the report is ready"
KOREAN = "보고서를 금요일까지 보내겠습니다"
HANGUL = re.compile("[가-힣]")

pytestmark = pytest.mark.timeout(90)


class Watcher:
    """Sees captions with all their attributes."""

    def __init__(self) -> None:
        self.room = rtc.Room()
        self.finals: list[tuple[str, str, dict[str, str]]] = []
        self._reading: list[object] = []

    async def join(self, url: str, token: str) -> None:
        def begin(reader: rtc.TextStreamReader, identity: str) -> None:
            self._reading.append(asyncio.ensure_future(self._read(reader, identity)))

        self.room.register_text_stream_handler(CAPTIONS_TOPIC, begin)
        await self.room.connect(url, token, rtc.RoomOptions(auto_subscribe=False))

    async def _read(self, reader: rtc.TextStreamReader, identity: str) -> None:
        text = await reader.read_all()
        attributes = dict(reader.info.attributes or {})
        if text and attributes["lk.transcription_final"] == "true":
            self.finals.append((identity, text, attributes))


async def _joined(
    livekit: LiveKit, settings: Settings, room: str, identity: str, **attributes: str
) -> Person:
    token = livekit.join_token(room, identity, attributes=attributes)
    person = Person(settings.livekit_url, token)
    await person.join()
    return person


async def test_language_comes_from_attribute_room_option_or_default(
    fleet: FleetProcess, fleet_settings: Settings, livekit: LiveKit, stores: Stores
) -> None:
    options = RoomOptions(languages={"bob": "xx"})
    async with open_room(livekit, stores, fleet_settings, options) as room:
        watcher = Watcher()
        await watcher.join(fleet_settings.livekit_url, livekit.join_token(room.name, "watcher"))
        people = {
            "alice": await _joined(livekit, fleet_settings, room.name, "alice", language="xx"),
            "bob": await _joined(livekit, fleet_settings, room.name, "bob"),
            "carol": await _joined(livekit, fleet_settings, room.name, "carol", language="tlh"),
        }
        for person in people.values():
            await person.publish()
            await person.speak(silence(0.6))
            await person.speak(say(SENTENCE))
            await person.speak(silence(0.8))

        async def all_shown() -> bool:
            return {identity for identity, _, _ in watcher.finals} == set(people)

        await eventually(all_shown, what="captions of all")
        found = {identity: attributes for identity, _, attributes in watcher.finals}
        assert found["alice"]["parley.language"] == "xx"
        assert found["bob"]["parley.language"] == "xx"
        assert found["carol"]["parley.language"] == "en"
        assert found["carol"]["parley.language_unknown"] == "tlh"
        assert "parley.language_unknown" not in found["alice"]
        for person in people.values():
            await person.leave()
        await watcher.room.disconnect()


async def test_rpc_changes_the_language_in_the_middle_of_a_call(
    fleet: FleetProcess, fleet_settings: Settings, livekit: LiveKit, stores: Stores
) -> None:
    async with open_room(livekit, stores, fleet_settings) as room:
        watcher = Watcher()
        await watcher.join(fleet_settings.livekit_url, livekit.join_token(room.name, "watcher"))
        alice = await _joined(livekit, fleet_settings, room.name, f"alice-{os.urandom(2).hex()}")
        track_sid = await alice.publish()
        await alice.speak(silence(0.6))
        await alice.speak(say(SENTENCE))
        await alice.speak(silence(0.8))
        agent = next(p.identity for p in await livekit.list_participants(room.name) if p.agent)
        answer = await alice.room.local_participant.perform_rpc(
            destination_identity=agent, method="language", payload="xx-YY"
        )
        assert answer == "xx"
        await alice.speak(say(OTHER))
        await alice.speak(silence(0.8))

        async def both() -> bool:
            return len(watcher.finals) == 2

        await eventually(both, what="both captions")
        assert [(text, a["parley.language"]) for _, text, a in watcher.finals] == [
            (SENTENCE, "en"),
            (OTHER, "xx"),
        ]
        assert (await stores.tracks.get(track_sid)).language == "xx"
        await alice.leave()
        await watcher.room.disconnect()


async def test_one_is_heard_in_korean_while_others_speak_english_and_changes_back(
    fleet: FleetProcess, fleet_settings: Settings, livekit: LiveKit, stores: Stores
) -> None:
    """With a real Korean model; espeak-ng's Korean is hard to understand, so no word is asked for.

    Korean speech in the English model gives English words, never Hangul, and the other way round.
    """
    async with open_room(livekit, stores, fleet_settings) as room:
        watcher = Watcher()
        await watcher.join(fleet_settings.livekit_url, livekit.join_token(room.name, "watcher"))
        minji = await _joined(livekit, fleet_settings, room.name, "minji", language="ko-KR")
        alice = await _joined(livekit, fleet_settings, room.name, "alice")
        track_sid = await minji.publish()
        await alice.publish()

        def finals(identity: str) -> list[tuple[str, str]]:
            return [(a["parley.language"], text) for i, text, a in watcher.finals if i == identity]

        async def heard(identity: str, count: int) -> None:
            async def so_many() -> bool:
                return len(finals(identity)) >= count

            await eventually(so_many, 40, f"{count} captions of {identity}")

        async def korean() -> None:
            await minji.speak(silence(0.6))
            await minji.speak(say(KOREAN, "ko"))
            await minji.speak(silence(0.8))

        async def english() -> None:
            await alice.speak(silence(0.6))
            await alice.speak(say(SENTENCE))
            await alice.speak(silence(0.8))

        await asyncio.gather(korean(), english())
        await heard("alice", 1)
        await heard("minji", 1)
        agent = next(p.identity for p in await livekit.list_participants(room.name) if p.agent)
        # She says so in the middle of a Korean sentence, and speaks on in English.
        sound = say(KOREAN, "ko")
        await minji.speak(sound[: len(sound) // 2])
        asking = asyncio.create_task(
            minji.room.local_participant.perform_rpc(
                destination_identity=agent, method="language", payload="en", response_timeout=30
            )
        )
        await minji.speak(sound[len(sound) // 2 :])
        await minji.speak(silence(0.8))
        for _ in range(2):
            await minji.speak(say(OTHER))
            await minji.speak(silence(0.8))
        assert await asking == "en"

        async def both() -> bool:
            return [text for language, text in finals("minji") if language == "en"] == [OTHER] * 2

        await eventually(both, 40, "her English sentences")
        assert finals("alice") == [("en", SENTENCE)]
        spoken = [text for language, text in finals("minji") if language == "ko"]
        assert len(spoken) >= 2
        assert all(len(HANGUL.findall(text)) >= 2 for text in (spoken[0], spoken[-1]))
        assert (await stores.tracks.get(track_sid)).language == "en"
        await minji.leave()
        await alice.leave()
        await watcher.room.disconnect()
