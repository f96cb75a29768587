"""The room's voice: order, cancelling, interruption, failures, and what is refused."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection

import numpy as np
import pytest

from agent_fleet.voice import RoomVoice, SayRequest, SpeechState
from agent_fleet.voice.interruption import Mode, Talker, Verdict
from agent_fleet.voice.sound import Sound
from parley.errors import SpeechError
from parley.voice.errors import UnknownVoiceError
from tests.stack_fixtures.waiting import until

FRAMES = 5


class PlainStage:
    """A stage whose sounds have no length: a frame passes whenever the loop gets round to it."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.made: list[str] = []
        self.broken_off: list[str] = []
        self.verdicts: list[Verdict] = []
        self.now: list[Talker] = []
        self.hold = asyncio.Event()
        self.hold.set()
        self.first_sounds: list[float] = []

    async def voice_for(self, request: SayRequest) -> str:
        if request.voice == "nobody":
            raise UnknownVoiceError("nobody", ["somebody"])
        return request.voice or "first"

    async def make(self, sentence: str, voice: str, speed: float) -> Sound:
        await asyncio.sleep(0)
        if "crash" in sentence:
            raise SpeechError("the engine failed")
        self.made.append(sentence)
        return Sound.of(np.zeros(FRAMES * 480, np.int16))

    async def open(self) -> None: ...

    async def play(
        self, sentence: str, sound: Sound, look: Callable[[], Verdict], began: Callable[[], None]
    ) -> bool:
        for number in range(sound.frames):
            self.verdicts.append(look())
            if self.verdicts[-1] is Verdict.STOP:
                self.broken_off.append(sentence)
                return False
            if number == 0:
                began()
            await asyncio.sleep(0)
            await self.hold.wait()
        self.heard.append(sentence)
        return True

    async def finish(self, look: Callable[[], Verdict]) -> bool:
        return look() is not Verdict.STOP

    def talkers(self) -> Collection[Talker]:
        return self.now

    def first_sound(self, seconds: float) -> None:
        self.first_sounds.append(seconds)


class Room:
    """A voice on a plain stage, and what its listeners were told."""

    def __init__(self, mode: Mode = "stop", max_waiting: int = 3) -> None:
        self.stage = PlainStage()
        self.mode = mode
        self.told: list[tuple[str, str, str]] = []
        self.voice = RoomVoice(
            self.stage, mode=lambda: self.mode, max_waiting=max_waiting, polite_s=0.2
        )
        self.voice.on_status(lambda id, state, detail: self.told.append((id, state.value, detail)))
        self.running = asyncio.create_task(self.voice.run())

    def states(self, request_id: str) -> list[str]:
        return [state for id, state, _ in self.told if id == request_id]

    async def ended(self, request_id: str) -> None:
        def is_so() -> bool:
            states = self.states(request_id)
            return bool(states) and SpeechState(states[-1]).final

        await until(is_so, f"{request_id} ends: {self.told}", 5.0)


@pytest.fixture
async def room() -> AsyncIterator[Room]:
    room = Room()
    yield room
    room.running.cancel()
    await asyncio.gather(room.running, return_exceptions=True)


async def test_sentences_are_heard_in_order_one_request_after_the_other(room: Room) -> None:
    await room.voice.say(SayRequest("a", "One here. Two here."))
    await room.voice.say(SayRequest("b", "Three here."))
    assert room.voice.speaking
    await room.ended("b")
    assert room.stage.heard == ["One here.", "Two here.", "Three here."]
    assert [told[:2] for told in room.told] == [
        ("a", "queued"),
        ("b", "queued"),
        ("a", "speaking"),
        ("a", "done"),
        ("b", "speaking"),
        ("b", "done"),
    ]
    assert len(room.stage.first_sounds) == 2
    assert not room.voice.speaking


async def test_a_text_that_is_still_being_written_is_spoken_as_it_comes(room: Room) -> None:
    more = asyncio.Event()

    async def writing() -> AsyncIterator[str]:
        yield "The first sentence."
        await more.wait()
        yield "The second one."

    await room.voice.say(SayRequest("a", writing()))
    await until(lambda: room.stage.heard == ["The first sentence."], "first heard", 5.0)
    assert room.states("a") == ["queued", "speaking"]
    more.set()
    await room.ended("a")
    assert room.stage.heard == ["The first sentence.", "The second one."]


async def test_cancelling_stops_what_is_spoken_and_what_waits_for_words(room: Room) -> None:
    closed = []

    async def writing() -> AsyncIterator[str]:
        try:
            yield "Something."
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    await room.voice.say(SayRequest("a", writing()))
    await room.voice.say(SayRequest("b", "Never."))
    await room.voice.say(SayRequest("c", "After."))
    await until(lambda: bool(room.stage.heard), "a is heard", 5.0)
    assert await room.voice.cancel("b")
    assert await room.voice.cancel("a")
    assert not await room.voice.cancel("unknown")
    await room.ended("c")
    assert room.states("a") == ["queued", "speaking", "cancelled"]
    assert room.states("b") == ["queued", "cancelled"]
    assert room.stage.heard == ["Something.", "After."]
    assert closed == [True]


async def test_cancelling_everything(room: Room) -> None:
    room.stage.hold.clear()
    for name in "abc":
        await room.voice.say(SayRequest(name, "Words to say."))
    await until(lambda: "speaking" in room.states("a"), "a is spoken", 5.0)
    assert await room.voice.cancel()
    room.stage.hold.set()
    await room.ended("a")
    assert [room.states(name)[-1] for name in "abc"] == ["cancelled"] * 3
    assert room.stage.broken_off == ["Words to say."]


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (SayRequest("x", "Hello.", voice="nobody"), "There is no voice called nobody."),
        (SayRequest("x", "... !"), "There is nothing to say in the text."),
        (SayRequest("x", "It will crash now."), "the engine failed"),
    ],
)
async def test_what_cannot_be_spoken_says_why_and_holds_nobody_up(
    room: Room, request_: SayRequest, reason: str
) -> None:
    await room.voice.say(request_)
    await room.voice.say(SayRequest("y", "Still here."))
    await room.ended("y")
    assert room.told[-1] == ("y", "done", "")
    [failed] = [told for told in room.told if told[1] == "failed"]
    assert failed[0] == "x"
    assert failed[2].startswith(reason)


async def test_a_full_queue_refuses(room: Room) -> None:
    room.stage.hold.clear()
    states = [await room.voice.say(SayRequest(str(n), "Words.")) for n in range(4)]
    assert [state for state, _ in states][:3] == [SpeechState.QUEUED] * 3
    assert states[3] == (SpeechState.FAILED, "too many requests wait")
    room.stage.hold.set()
    await room.ended("2")


async def test_a_repeated_request_is_spoken_once(room: Room) -> None:
    await room.voice.say(SayRequest("a", "Once."))
    await room.ended("a")
    assert await room.voice.say(SayRequest("a", "Once.")) == (SpeechState.DONE, "")
    assert room.states("a") == ["queued", "speaking", "done", "done"]
    assert room.stage.heard == ["Once."]


async def test_somebody_who_begins_to_speak_ends_it_and_is_let_speak(room: Room) -> None:
    room.stage.hold.clear()
    await room.voice.say(SayRequest("a", "This goes on. And on."))
    await room.voice.say(SayRequest("b", "The next one."))
    await until(lambda: "speaking" in room.states("a"), "a is spoken", 5.0)
    room.stage.now = [Talker("TR_a", 220)]
    room.stage.hold.set()
    await room.ended("a")
    assert room.states("a") == ["queued", "speaking", "interrupted"]
    assert room.states("b") == ["queued"]
    room.stage.now = []
    await room.ended("b")
    assert room.states("b") == ["queued", "speaking", "done"]


async def test_when_the_room_ends_nothing_is_left_without_a_word(room: Room) -> None:
    room.stage.hold.clear()
    await room.voice.say(SayRequest("a", "Words."))
    await room.voice.say(SayRequest("b", "Words."))
    await until(lambda: "speaking" in room.states("a"), "a is spoken", 5.0)
    room.running.cancel()
    await asyncio.gather(room.running, return_exceptions=True)
    assert room.states("a")[-1] == room.states("b")[-1] == "cancelled"
    assert await room.voice.say(SayRequest("c", "Late.")) == (
        SpeechState.FAILED,
        "the room is over",
    )
