"""Several agents in one room: speakers change hands, one is killed, nothing is lost or twice."""

import asyncio
import itertools
import signal
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from agent_fleet.frames import Frame, to_ms
from agent_fleet.gate import SpeechGate
from agent_fleet.languages import PROJECT_MODEL
from agent_fleet.sharing import ranked
from agent_fleet.transcriber import Transcriber
from agent_fleet.vosk_recogniser import VoskModel
from parley.audio.ogg import decode
from parley.audio.resample import to_int16
from parley.blobs import BlobStore, manifest_key, recording_key
from parley.domain.room import RoomOptions
from parley.domain.segment import Segment, Version
from parley.domain.track import Recording
from parley.livekit_api import LiveKit
from parley.settings import Settings
from parley.storage import Stores
from tests.integration.fleet.conftest import (
    FleetProcess,
    eventually,
    free_port,
    open_room,
)
from tests.integration.fleet.speech import Person, say, silence

SENTENCES = ("can you review the budget", "the report is ready", "thank you for the update")

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def fleets(direct: Settings, tmp_path: Path) -> Iterator[list[FleetProcess]]:
    """Three agents, each with a disk of its own, as on three machines."""
    made = [
        FleetProcess(
            direct.model_copy(
                update={
                    "fleet_url": f"http://127.0.0.1:{free_port()}",
                    "state_dir": tmp_path / f"state-{number}",
                }
            ),
            tmp_path / f"fleet-{number}.log",
            extra={"PARLEY_AGENT_LOST_SECONDS": "5"},
        )
        for number in range(3)
    ]
    try:
        with ThreadPoolExecutor() as starting:
            list(starting.map(lambda fleet: fleet.start(limit_s=240), made))
        yield made
    finally:
        for fleet in made:
            if fleet.process is not None:
                fleet.stop()


@pytest.fixture
async def stores(direct: Settings) -> AsyncIterator[Stores]:
    stores = Stores.from_settings(direct)
    yield stores
    stores.close()


@dataclass
class Said:
    """What somebody said, or what was heard of it; in ms since the epoch."""

    text: str
    start_ms: int
    end_ms: int

    def common_ms(self, other: "Said") -> int:
        return min(self.end_ms, other.end_ms) - max(self.start_ms, other.start_ms)


@dataclass
class Talker:
    """Says one sentence after the other until told to stop."""

    person: Person
    track_sid: str = ""
    said: list[Said] = field(default_factory=list)
    saying: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: bool = False

    async def talk(self) -> None:
        self.track_sid = await self.person.publish()
        await self.person.speak(silence(0.6))
        while not self.stopped:
            sentence = SENTENCES[len(self.said) % len(SENTENCES)]
            sound = say(sentence)
            third = len(sound) // 3
            begun, _ = await self.person.speak(sound[:third])
            self.saying.set()
            _, ended = await self.person.speak(sound[third:])
            self.saying.clear()
            self.said.append(Said(sentence, begun, ended))
            await self.person.speak(silence(1.0))


def each_once(said: list[Said], heard: list[Said]) -> None:
    """Everything said was heard, once, in order; a word may differ where processors are busy."""
    assert [h.start_ms for h in heard] == sorted(h.start_ms for h in heard)
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(heard))
    words: dict[int, list[str]] = {n: [] for n in range(len(said))}
    for part in heard:
        nearest = max(words, key=lambda n: part.common_ms(said[n]))
        assert part.common_ms(said[nearest]) > 0, part
        words[nearest] += part.text.split()
    for n, sentence in enumerate(said):
        missed = len(set(sentence.text.split()) - set(words[n]))
        assert missed <= 2, (sentence, words[n])
        assert len(words[n]) <= len(sentence.text.split()) + 2, (sentence, words[n])


async def said_more(talkers: list[Talker], sentences: int) -> None:
    """Wait until everybody has said so many sentences more."""
    before = [len(t.said) for t in talkers]

    async def all_have() -> bool:
        return all(len(t.said) >= n + sentences for t, n in zip(talkers, before, strict=True))

    await eventually(all_have, 60, f"{sentences} sentences more")


async def heard_by(fleets: list[FleetProcess]) -> dict[str, list[int]]:
    """Which agents hear each track."""
    found: dict[str, list[int]] = {}
    for number, fleet in enumerate(fleets):
        if fleet.process is not None:
            for pipeline in await fleet.pipelines():
                found.setdefault(str(pipeline["track_sid"]), []).append(number)
    return found


async def agents_in(livekit: LiveKit, room: str) -> list[str]:
    return [p.identity for p in await livekit.list_participants(room) if p.agent]


def speaker_for(agent: str, agents: list[str]) -> str:
    """An identity that this agent is to hear."""
    return next(s for n in itertools.count() if ranked(s := f"speaker-{n}", agents)[0] == agent)


async def live(stores: Stores, track_sid: str) -> list[Segment]:
    track = await stores.tracks.get(track_sid)
    return await stores.chunks.read_version(track_sid, Version.LIVE, track.headers(Version.LIVE))


def recognised(audio: np.ndarray, started_ms: int) -> list[Said]:
    """What is in a recording, by the same recogniser, without any agent."""
    transcriber = Transcriber(VoskModel(PROJECT_MODEL).recogniser(16_000), SpeechGate())
    pcm = to_int16(audio)
    heard = [
        heard
        for at in range(0, len(pcm), 1_600)
        for heard in transcriber.feed([Frame(at, pcm[at : at + 1_600].tobytes())])
    ]
    return [
        Said(h.text, started_ms + to_ms(h.start), started_ms + to_ms(h.end))
        for h in [*heard, *transcriber.close()]
        if h.final and h.text
    ]


async def test_agents_share_a_room_one_leaves_one_is_killed_and_nothing_is_lost_or_twice(
    fleets: list[FleetProcess], direct: Settings, stores: Stores
) -> None:
    blobs = BlobStore.from_settings(direct)
    options = RoomOptions(agents=3)  # one is sent, and asks for the others
    async with (
        LiveKit.from_settings(direct) as livekit,
        open_room(livekit, stores, direct, options) as room,
    ):

        async def all_there() -> bool:
            return len(await agents_in(livekit, room.name)) == 3

        await eventually(all_there, 60, "three agents")
        agents = await agents_in(livekit, room.name)
        talkers = [
            Talker(Person(direct.livekit_url, livekit.join_token(room.name, identity)))
            for identity in (speaker_for(agent, agents) for agent in agents)
        ]
        for talker in talkers:
            await talker.person.join()
        async with asyncio.TaskGroup() as talking:
            for talker in talkers:
                talking.create_task(talker.talk())
            await said_more(talkers, 1)

            async def each_by_its_own() -> bool:
                return sorted((await heard_by(fleets)).values()) == [[0], [1], [2]]

            await eventually(each_by_its_own, 30, "each agent hears its speaker")

            # One leaves well: what it hears changes hands between two sentences.
            await asyncio.to_thread(fleets[2].stop)
            heard = await heard_by(fleets)
            assert sorted(heard) == sorted(t.track_sid for t in talkers)
            assert all(len(by) == 1 for by in heard.values())
            await said_more(talkers, 1)

            # One is killed while somebody says something that it hears.
            victim = next(t for t in talkers if heard[t.track_sid] == [1])
            await victim.saying.wait()
            await asyncio.to_thread(fleets[1].stop, signal.SIGKILL)

            async def taken_over() -> bool:
                by = await heard_by(fleets)
                return by == {t.track_sid: [0] for t in talkers}

            await eventually(taken_over, 40, "speakers taken over")
            await said_more(talkers, 1)
            for talker in talkers:
                talker.stopped = True
        for talker in talkers:
            await talker.person.leave()
        # The audio that only the killed one had is on its disk, which comes back.
        await asyncio.to_thread(fleets[1].start, 120)

        for talker in talkers:
            sid = talker.track_sid

            async def recorded(sid: str = sid) -> bool:
                return await blobs.size(recording_key(room.sid, sid)) is not None

            await eventually(recorded, 60, "recording stored")
            stored = await live(stores, sid)
            each_once(talker.said, [Said(s.text, s.start_ms, s.end_ms) for s in stored])
            assert [int(s.id.rsplit(".", 1)[1]) for s in stored] == list(range(len(stored)))
            manifest = Recording.model_validate_json(await blobs.get(manifest_key(room.sid, sid)))
            audio = decode(await blobs.get(recording_key(room.sid, sid)))
            assert abs(len(audio) / 16 - (manifest.ended_ms - manifest.started_ms)) < 500
            assert not manifest.gaps
            each_once(talker.said, recognised(audio, manifest.started_ms))

        async def spools_empty() -> bool:
            return not [
                path
                for fleet in fleets
                for kind in ("*.ogg", "*.jsonl")
                for path in (fleet.settings.state_dir / "spool").rglob(kind)
            ]

        await eventually(spools_empty, 30, "spools empty")
        assert not await blobs.list_keys("parts/")
