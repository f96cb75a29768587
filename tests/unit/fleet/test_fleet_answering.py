"""A room's answering: which utterances make it speak, and what takes an answer back."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from agent_fleet.answering import AnsweringHooks, AnswerMetrics, RoomAnswering, RoomMemory
from agent_fleet.dispatcher import Caption
from agent_fleet.speaker_track import SpeakerTrack
from agent_fleet.voice import RoomVoice
from parley.answers.engine import Question
from parley.domain.room import RoomOptions
from parley.domain.timeline import TimelineParticipant, TimelineSegment
from parley.domain.track import TrackKind
from parley.settings import Settings
from parley.voice.errors import UnknownVoiceError
from tests.stack_fixtures.waiting import until
from tests.unit.fleet.test_fleet_voice_requests import PlainStage

PROMISE = "Alice said: I will write the report on Monday."
PEOPLE = [
    TimelineParticipant(identity="alice", name="Alice"),
    TimelineParticipant(identity="bob", name="Bob"),
]


class HeldMemory(RoomMemory):
    """A memory without a database, whose recalling can be made to wait."""

    def __init__(self) -> None:
        super().__init__(
            stores=None,  # type: ignore[arg-type]
            on_main=None,  # type: ignore[arg-type]
            room_sid=lambda: "RM_1",
            present=lambda: PEOPLE,
            minutes=1,
        )
        self.stored: list[TimelineSegment] = []
        self.free = asyncio.Event()
        self.free.set()

    async def _stored(
        self, since_ms: int
    ) -> tuple[dict[str, TimelineParticipant], list[TimelineSegment]]:
        await self.free.wait()
        return {}, self.stored


class Room:
    """Answering on a voice without sound."""

    def __init__(self, answers: str) -> None:
        self.stage = PlainStage()
        self.memory = HeldMemory()
        self.options = RoomOptions.model_validate({"answers": answers})
        self.registry = CollectorRegistry()
        self.tasks: set[asyncio.Task[object]] = set()
        self.now_ms = self.said_ms = 100_000
        self.voice = RoomVoice(self.stage, mode=lambda: "stop", polite_s=0.1)
        self.told: list[tuple[str, str]] = []
        self.voice.on_status(lambda id, state, _: self.told.append((id, state.value)))
        self.answering = RoomAnswering(
            Settings.model_validate({"gemini_api_key": None}),
            self.voice,
            self.memory,
            AnswerMetrics(self.registry),
            AnsweringHooks(
                options=lambda: self.options,
                present=lambda: PEOPLE,
                interruption=lambda: "stop",
                warm_voice=self._warm,
                voice_for=self._voice_for,
                is_ours=lambda: True,
                spawn=self._spawn,
            ),
            clock=lambda: self.now_ms,
        )
        self._number = 0
        self._speaking = asyncio.create_task(self.voice.run())

    def hears(
        self,
        who: str,
        text: str,
        *,
        final: bool = True,
        kind: TrackKind = "person",
        after_ms: int | None = None,
    ) -> str:
        """Somebody says something, so long after the end of what was said last.

        Returns:
            The id that an answer to it has.
        """
        track = SpeakerTrack("RM_1", "room", f"TR_{who}", who, who.title(), "en", kind=kind)
        self._number += 1
        at = self.said_ms + (1_000 if after_ms is None else after_ms)
        self.now_ms = at + 1_000
        if final:
            self.said_ms = self.now_ms
        segment_id = f"TR_{who}.live.{self._number}"
        self.answering.heard(track, Caption(segment_id, final, text, at, self.now_ms, 0.9))
        return f"answer-{segment_id}"

    def states(self, request_id: str) -> list[str]:
        return [state for id, state in self.told if id == request_id]

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        while self.tasks:
            await asyncio.gather(*self.tasks)
        await until(lambda: not self.voice.speaking, "the voice ends", 5.0)

    def metric(self, line: str) -> bool:
        return line in generate_latest(self.registry).decode()

    async def close(self) -> None:
        self._speaking.cancel()
        await asyncio.gather(self._speaking, *self.tasks, return_exceptions=True)

    def _spawn(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _warm(self) -> None: ...

    async def _voice_for(self, language: str) -> str:
        raise UnknownVoiceError(language, [], language=True)


@pytest.fixture(params=["addressed"])
async def room(request: pytest.FixtureRequest) -> AsyncIterator[Room]:
    room = Room(request.param)
    yield room
    await room.close()


async def test_a_question_by_name_is_answered_and_counted(room: Room) -> None:
    room.hears("alice", "i will write the report on monday")
    answer = room.hears("bob", "parley who will write the report")
    await room.settle()
    assert room.states(answer) == ["queued", "speaking", "done"]
    assert room.stage.heard == [PROMISE]
    assert room.metric('parley_questions_total{how="addressed"} 1.0')
    assert room.metric('parley_answers_total{engine="extractive",outcome="done"} 1.0')
    assert room.metric('parley_answer_first_sound_seconds_count{engine="extractive"} 1.0')


@pytest.mark.parametrize("room", ["off"], indirect=True)
async def test_off_is_silence_but_it_is_remembered(room: Room) -> None:
    room.hears("alice", "i will write the report on monday")
    room.hears("bob", "parley who will write the report")
    await room.settle()
    assert room.told == []
    memory = await room.memory.recall(Question("", "bob", room.now_ms + 1))
    assert [s.identity for s in memory.segments] == ["alice", "bob"]


async def test_the_assistant_does_not_hear_itself(room: Room) -> None:
    room.hears("agent-1", "parley who will write the report", kind="assistant")
    await room.settle()
    assert room.told == []


@pytest.mark.parametrize("room", ["all"], indirect=True)
async def test_a_question_to_everybody_is_answered_where_the_answer_is_known(room: Room) -> None:
    room.hears("alice", "i will write the report on monday")
    unknown = room.hears("bob", "where is the coffee machine")
    await room.settle()
    assert room.told == []
    assert room.metric('parley_answers_total{engine="extractive",outcome="unknown"} 1.0')
    known = room.hears("bob", "who will write the report")
    await room.settle()
    assert (room.states(unknown), room.states(known)[-1]) == ([], "done")


@pytest.mark.parametrize("room", ["all"], indirect=True)
async def test_it_does_not_speak_out_of_turn(room: Room) -> None:
    room.hears("alice", "i will write the report on monday")
    room.stage.hold.clear()
    first = room.hears("bob", "who will write the report")
    await until(lambda: "speaking" in room.states(first), "speaking")
    second = room.hears("alice", "when is the report ready")
    while room.tasks:
        await asyncio.gather(*room.tasks)
    room.stage.hold.set()
    await room.settle()
    assert room.states(second) == []


async def test_who_asks_and_speaks_on_takes_the_question_back(room: Room) -> None:
    room.memory.free.clear()
    answer = room.hears("bob", "parley who will write the report")
    await until(lambda: room.states(answer) == ["queued"], "queued")
    room.hears("alice", "hello", final=False)
    room.hears("bob", "", final=False)
    room.hears("bob", "huh", final=False)  # a breath
    while room.tasks:
        await asyncio.gather(*room.tasks)
    assert room.states(answer) == ["queued"]
    room.hears("bob", "no wait", final=False)
    await room.settle()
    assert room.states(answer) == ["queued", "cancelled"]
    assert room.stage.made == []


@pytest.mark.parametrize(
    ("after_ms", "more", "asked_again"),
    [(600, "the report", True), (600, "no wait a moment", False), (2_000, "the report", False)],
)
async def test_a_question_in_two_parts_is_answered_as_one(
    room: Room, after_ms: int, more: str, asked_again: bool
) -> None:
    room.hears("alice", "i will write the report on monday")
    room.memory.free.clear()
    first = room.hears("bob", "parley who will write")
    await until(lambda: room.states(first) == ["queued"], "queued")
    room.hears("bob", more, final=False, after_ms=after_ms)
    await until(lambda: room.states(first) == ["queued", "cancelled"], "cancelled")
    room.memory.free.set()
    second = room.hears("bob", more, after_ms=after_ms)
    await room.settle()
    assert room.stage.heard == ([PROMISE] if asked_again else [])
    assert (room.states(second)[-1:] == ["done"]) is asked_again


async def test_the_newer_of_two_questions_counts(room: Room) -> None:
    room.hears("alice", "i will write the report on monday")
    room.memory.free.clear()
    first = room.hears("bob", "parley what is the deadline")
    await until(lambda: room.states(first) == ["queued"], "queued")
    second = room.hears("bob", "parley who will write the report")
    await until(lambda: "queued" in room.states(second), "queued")
    room.memory.free.set()
    await room.settle()
    assert room.states(first) == ["queued", "cancelled"]
    assert room.states(second)[-1] == "done"


async def test_it_can_be_silenced(room: Room) -> None:
    room.hears("alice", "i will write the report on monday")
    room.stage.hold.clear()
    answer = room.hears("bob", "parley who will write the report")
    await until(lambda: "speaking" in room.states(answer), "speaking")
    room.hears("alice", "parley stop")
    await until(lambda: not room.tasks, "heard")
    room.stage.hold.set()
    await room.settle()
    assert room.states(answer) == ["queued", "speaking", "cancelled"]


async def test_it_remembers_what_is_stored_once_and_only_the_last_minutes(room: Room) -> None:
    room.hears("alice", "this was long ago")
    room.said_ms += 70_000
    room.hears("alice", "the server is slow")
    [_, heard] = room.memory._heard
    renumbered = heard.model_copy(update={"id": "TR_alice.live.7"})
    elsewhere = heard.model_copy(
        update={"id": "TR_carl.live.0", "track_sid": "TR_carl", "identity": "carl"}
    )
    room.memory.stored = [renumbered, elsewhere]
    memory = await room.memory.recall(Question("", "bob", room.now_ms + 1))
    assert [(s.identity, s.text) for s in memory.segments] == [
        ("alice", "the server is slow"),
        ("carl", "the server is slow"),
    ]
    assert {p.identity for p in memory.participants} == {"alice", "bob", "carl"}
    assert memory.here == {"alice", "bob"}
