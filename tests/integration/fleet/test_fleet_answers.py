"""Questions spoken or typed in a real room, answered aloud: from the transcript, and by a model."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from parley.answers.ask import AskMessage
from parley.domain.room import Room as StoredRoom, RoomOptions
from parley.livekit_api import LiveKit
from parley.rooms.saying import send_to_assistant
from parley.settings import Settings
from parley.storage import Stores
from tests.fakes.gemini import KEY, FakeGemini, Reply, fake_gemini
from tests.integration.fleet.conftest import (
    ROBOT,
    FleetProcess,
    eventually,
    new_settings,
    open_room,
)
from tests.integration.fleet.hearing import Hearer
from tests.integration.fleet.speech import Person, say, silence

pytestmark = pytest.mark.timeout(90)

MODEL = "gemini-3.5-flash-lite"
# The test's live model knows few words; "frank" is one, and the assistant's name is a setting.
NAMES = ["parley", "frank"]
PROMISE = "i will write the report on monday"
DEADLINE = "the deadline is friday"
_TRIES = 4
BUSY = Reply(status=429, headers={"retry-after": "60"})


@pytest.fixture(scope="module")
def gemini() -> Iterator[FakeGemini]:
    """The fake in a thread of its own, so that one fleet keeps it over the tests' loops."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    stack = AsyncExitStack()
    entering = stack.enter_async_context(fake_gemini())
    try:
        yield asyncio.run_coroutine_threadsafe(entering, loop).result(10)
    finally:
        asyncio.run_coroutine_threadsafe(stack.aclose(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture(scope="module")
def settings(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    servers = [
        request.getfixturevalue(n) for n in ("mongo_server", "minio_server", "livekit_server")
    ]
    return new_settings(*servers, state_dir=tmp_path_factory.mktemp("answers"))


@pytest.fixture(scope="module")
def answering_fleet(
    settings: Settings, gemini: FakeGemini, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FleetProcess]:
    log = tmp_path_factory.mktemp("fleet") / "fleet.log"
    extra = {
        "PARLEY_ASSISTANT_NAMES": json.dumps(NAMES),
        "PARLEY_GEMINI_API_KEY": KEY,
        "PARLEY_GEMINI_BASE_URL": gemini.url,
        "PARLEY_GEMINI_MODELS": json.dumps([MODEL]),
    } | ROBOT
    running = FleetProcess(settings, log, extra=extra)
    running.start()
    yield running
    assert running.stop() == 0, log.read_text()[-3000:]
    told = log.read_text()
    assert KEY not in told
    assert PROMISE not in told.lower()


@dataclass
class Room:
    """A room with the agent, somebody who listens, and people who speak."""

    url: str
    name: str
    livekit: LiveKit
    ears: Hearer
    record: StoredRoom

    async def person(self, identity: str) -> Person:
        someone = Person(
            self.url, self.livekit.join_token(self.name, identity, name=identity.title())
        )
        await someone.join()
        await someone.publish()
        await someone.speak(silence(0.5))
        return someone

    async def says(self, identity: str, who: Person, text: str) -> str:
        """Say it until it is recognised as it was said; returns the id of an answer to it.

        On a machine that is busy with other work audio breaks up.
        """
        for _ in range(_TRIES):
            before = len(self.ears.heard)

            async def heard(before: int = before) -> bool:
                return any(who == identity for who, _, _ in self.ears.heard[before:])

            await who.speak(say(text))
            await who.speak(silence(0.8))
            await eventually(heard, what="final caption")
            found = [i for w, i, t in self.ears.heard[before:] if (w, t) == (identity, text)]
            if found:
                return f"answer-{found[0]}"
        pytest.fail(f"heard {self.ears.heard} for {text!r}")


@asynccontextmanager
async def meeting(settings: Settings, options: RoomOptions) -> AsyncIterator[Room]:
    stores = Stores.from_settings(settings)
    try:
        async with (
            LiveKit.from_settings(settings) as livekit,
            open_room(livekit, stores, settings, options) as opened,
        ):
            ears = Hearer(settings.livekit_url, livekit.join_token(opened.name, "ears"))
            await ears.join()
            record = await stores.rooms.get(opened.sid)
            yield Room(settings.livekit_url, opened.name, livekit, ears, record)
            await ears.leave()
    finally:
        stores.close()


async def test_a_spoken_question_is_answered_from_the_transcript(
    answering_fleet: FleetProcess, settings: Settings, gemini: FakeGemini
) -> None:
    gemini.replies[MODEL] = [BUSY]  # the model fails: the transcript alone answers
    async with meeting(settings, RoomOptions(answers="addressed")) as room:
        alice, bob = await room.person("alice"), await room.person("bob")
        await room.says("alice", alice, PROMISE)
        answer = await room.says("bob", bob, "frank who will write the report")
        await room.ears.told(answer, "done")
        assert room.ears.states(answer) == ["queued", "speaking", "done"]
        assert room.ears.said[-1] == "Alice said: I will write the report on Monday."
        assert room.ears.loud_seconds() > 1.0
        await alice.leave()
        await bob.leave()


async def test_a_model_is_heard_while_it_writes_and_a_speaker_ends_both(
    answering_fleet: FleetProcess, settings: Settings, gemini: FakeGemini
) -> None:
    text = "Alice said that it is Friday. " + "And this goes on for quite a while. " * 5
    gemini.replies[MODEL] = [Reply(text, piece_s=0.3)]
    async with meeting(settings, RoomOptions(answers="addressed")) as room:
        alice, bob = await room.person("alice"), await room.person("bob")
        await room.says("alice", alice, DEADLINE)
        streamed = gemini.streamed
        answer = await room.says("bob", bob, "frank when is the deadline")

        async def heard() -> bool:
            return bool(room.ears.loud_at)

        await room.ears.told(answer, "speaking")
        await eventually(heard, what="first sound")
        assert gemini.streamed == streamed, "the first sound came after the whole answer"
        asked, left = gemini.asked[-1], gemini.left
        lines = [json.loads(line) for line in asked.prompt.splitlines()]
        assert lines[0]["participants"].count("Alice") == 1
        assert DEADLINE in [line["text"] for line in lines if line.get("by") == "Alice"]
        assert lines[-1] == {
            "question": "when is the deadline",
            "asked_by": "Bob",
            "to_you": True,
        }
        await alice.speak(say("please wait i have a question"))
        await room.ears.told(answer, "interrupted")

        async def closed() -> bool:
            return gemini.left == left + 1

        await alice.speak(silence(0.5))
        await eventually(closed, what="the model's stream is closed")
        assert gemini.streamed == streamed
        assert len(room.ears.said) < 6
        await alice.leave()
        await bob.leave()


async def test_a_room_is_silent_by_default_and_answers_what_is_typed(
    answering_fleet: FleetProcess, settings: Settings, gemini: FakeGemini
) -> None:
    gemini.replies[MODEL] = [Reply("Alice said it is on Friday.")]
    async with meeting(settings, RoomOptions()) as room:
        alice = await room.person("alice")
        await room.says("alice", alice, DEADLINE)
        await room.says("alice", alice, "frank when is the deadline")
        asked = await room.ears.ask("When is the deadline?", id="typed-1")
        assert asked == {"id": "typed-1", "status": "queued"}

        async def answered() -> bool:
            return "done" in room.ears.states("typed-1")

        await eventually(answered, what="the typed question is answered")
        assert {s["id"] for s in room.ears.statuses} == {"typed-1"}  # the spoken one was not
        assert room.ears.said == ["Alice said it is on Friday."]
        await send_to_assistant(  # what the API does
            room.livekit, room.record, AskMessage(id="typed-2", question="And when is it?")
        )
        await room.ears.told("typed-2", "done")
        await alice.leave()


async def test_a_faulty_typed_question_is_refused(
    answering_fleet: FleetProcess, settings: Settings
) -> None:
    async with meeting(settings, RoomOptions()) as room:
        await room.ears.room.local_participant.publish_data(
            json.dumps({"id": "long", "question": "x" * 600}), topic="parley_ask"
        )

        async def refused() -> bool:
            return room.ears.states("long") == ["failed"]

        await eventually(refused, what="the question is refused")
        [status] = room.ears.statuses
        assert "question" in status["error"]
        assert "xxx" not in status["error"]
