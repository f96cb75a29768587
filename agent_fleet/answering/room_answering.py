"""One room's questions and their answers: what is heard or typed in, requests to speak out."""

import asyncio
import contextlib
import importlib
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from livekit import rtc

from agent_fleet.answering.memory import RoomMemory
from agent_fleet.answering.metrics import AnswerMetrics, How
from agent_fleet.dispatcher import Caption
from agent_fleet.speaker_track import SpeakerTrack
from agent_fleet.voice.interruption import Mode
from agent_fleet.voice.request import SayRequest, SpeechState
from agent_fleet.voice.speech import RoomVoice
from parley.answers.ask import ASK_TOPIC, AskMessage, parse_ask
from parley.answers.engine import Question
from parley.answers.rules import Kind, goes_on
from parley.clock import Clock, wall_clock_ms
from parley.domain.room import RoomOptions
from parley.domain.speech import STATUS_TOPIC, ControlError, StatusMessage
from parley.domain.timeline import TimelineParticipant
from parley.errors import ParleyError, SetupError
from parley.settings import Settings
from parley.telemetry.logs import get_logger

if TYPE_CHECKING:
    # A second or two of imports: a room in which nobody asks never pays them.
    from parley.answers.finder import Found, QuestionFinder
    from parley.answers.service import RoomAnswers

log = get_logger("answers")

_GOING_ON_WORDS = 2  # one alone may be a breath that the recogniser took for a word
_CONTINUES_MS = 1_200
"""Words that begin so soon after a question go on with it; nobody has heard of the answer yet."""


@dataclass(frozen=True)
class AnsweringHooks:
    """What answering asks its room.

    Attributes:
        options: the room's options, as far as they are known.
        present: the people who are there now.
        interruption: what somebody who begins to speak does to the voice.
        warm_voice: loads the speech engine.
        voice_for: the name of a voice of this language; raises `UnknownVoiceError`.
        is_ours: whether this agent answers what is typed: of several agents one does.
        spawn: runs a task of the session.
    """

    options: Callable[[], RoomOptions]
    present: Callable[[], list[TimelineParticipant]]
    interruption: Callable[[], Mode]
    warm_voice: Callable[[], Coroutine[Any, Any, None]]
    voice_for: Callable[[str], Coroutine[Any, Any, str]]
    is_ours: Callable[[], bool]
    spawn: Callable[[Coroutine[Any, Any, object]], None]


@dataclass
class _Asked:
    """A question whose answer has not ended."""

    question: Question
    how: How
    engine: str = ""
    spoke: bool = False

    def began(self, engine: str) -> None:
        self.engine = engine


class RoomAnswering:
    """On its room's event loop. Every answer is a request to the room's voice."""

    def __init__(
        self,
        settings: Settings,
        voice: RoomVoice,
        memory: RoomMemory,
        metrics: AnswerMetrics,
        hooks: AnsweringHooks,
        *,
        clock: Clock = wall_clock_ms,
    ) -> None:
        """Answer by this voice, from this memory."""
        self._settings = settings
        self._voice = voice
        self._memory = memory
        self._metrics = metrics
        self._hooks = hooks
        self._clock = clock
        self._asked: dict[str, _Asked] = {}
        self._loading = asyncio.Lock()
        self._answers: RoomAnswers | None = None
        self._finders: dict[bool, QuestionFinder] = {}
        self._broken_off: dict[str, Question] = {}
        voice.on_status(self._on_status)

    async def warm(self) -> None:
        """Load what answers need, where the room wants answers."""
        if self._hooks.options().answers == "off":
            return
        with contextlib.suppress(ParleyError):  # said in the log, and to who asks
            await asyncio.gather(self._load(), self._hooks.warm_voice())

    async def aclose(self) -> None:
        """Close connections; the voice has ended."""
        if self._answers is not None:
            await self._answers.aclose()

    def heard(self, track: SpeakerTrack, caption: Caption) -> None:
        """Somebody speaks, or has spoken; returns at once."""
        if track.kind != "person" or not caption.text:
            return
        if not caption.final:
            if len(caption.text.split()) >= _GOING_ON_WORDS:
                self._goes_on(track.identity, caption.start_ms)
            return
        self._memory.add(track, caption)
        if self._hooks.options().answers != "off":
            self._hooks.spawn(self._consider(track, caption))

    async def take(self, room: rtc.Room, packet: rtc.DataPacket) -> None:
        """A packet came; other topics than `parley_ask` are passed over."""
        if packet.topic != ASK_TOPIC or not self._hooks.is_ours():
            return
        sender = packet.participant.identity if packet.participant else ""
        try:
            await self._type(parse_ask(packet.data), sender)
        except ControlError as error:
            refused = StatusMessage(id=error.request_id, status="failed", error=str(error))
            await room.local_participant.publish_data(
                refused.model_dump_json(exclude_none=True),
                destination_identities=[sender] if sender else [],
                topic=STATUS_TOPIC,
            )

    async def on_rpc(self, call: rtc.RpcInvocationData) -> str:
        """RPC `ask`: a typed question; answers `{"id", "status"}`, or an error."""
        try:
            message = parse_ask(call.payload.encode(), new_id=f"ask-{uuid.uuid4().hex}")
        except ControlError as error:
            raise rtc.RpcError(400, str(error)) from error
        status = await self._type(message, call.caller_identity)
        return status.model_dump_json(exclude_none=True)

    async def _type(self, message: AskMessage, sender: str) -> StatusMessage:
        question = Question(message.question, sender, self._clock())
        state, detail = await self._put(
            message.id, question, "typed", voice=message.voice, language=message.language
        )
        return StatusMessage(id=message.id, status=state.value, error=detail or None)

    async def _consider(self, track: SpeakerTrack, caption: Caption) -> None:
        try:
            await self._load()
        except SetupError:
            return  # told when it was tried
        found = self._find(track, caption)
        before = self._broken_off.pop(track.identity, None)
        if found is None and before is not None:
            found = self._rest_of(before, caption)
        if found is None:
            return
        if found.kind is Kind.STOP:
            for request_id in list(self._asked):
                await self._voice.cancel(request_id)
            return
        assert self._answers is not None
        if found.kind is Kind.PERHAPS and not await self._answers.is_question(
            found.text, addressed=found.addressed
        ):
            return
        question = Question(
            found.text, track.identity, caption.end_ms, caption.segment_id, found.addressed
        )
        language = await self._spoken(track.language)
        how: How = "addressed" if found.addressed else "all"
        await self._put(f"answer-{caption.segment_id}", question, how, language=language)

    def _rest_of(self, question: Question, caption: Caption) -> "Found | None":
        """A question that a pause had cut in two, whose answer its second part has ended."""
        from parley.answers.finder import Found
        from parley.summary.extractive.sentences import plain_form

        soon = caption.start_ms - question.asked_ms < _CONTINUES_MS
        if not soon or not goes_on(plain_form(caption.text)):
            return None
        return Found(Kind.QUESTION, f"{question.text} {caption.text}", question.addressed)

    async def _spoken(self, language: str) -> str | None:
        """The language of the answer to a speaker, if it isn't the room's and can be spoken."""
        if language == self._settings.default_language:
            return None
        try:
            await self._hooks.voice_for(language)
        except ParleyError:
            return None
        return language

    def _find(self, track: SpeakerTrack, caption: Caption) -> "Found | None":
        from parley.summary.extractive.names import Names

        every = self._hooks.options().answers == "all"
        return self._finders[every].hear(
            track.identity,
            caption.text,
            start_ms=caption.start_ms,
            end_ms=caption.end_ms,
            people=Names(self._hooks.present()),
            english=track.language.lower().split("-")[0] == "en",
        )

    async def _put(
        self,
        request_id: str,
        question: Question,
        how: How,
        *,
        voice: str | None = None,
        language: str | None = None,
    ) -> tuple[SpeechState, str]:
        self._metrics.asked(how)
        asked = _Asked(question, how)
        text: AsyncIterator[str] = self._text(asked)
        if not question.addressed:
            # Nobody asked the assistant: it speaks if it knows something, and out of turn never.
            if self._voice.speaking:
                return SpeechState.CANCELLED, ""
            first = await anext(text, None)
            if first is None:
                self._metrics.ended(asked.engine, "unknown")
                return SpeechState.CANCELLED, ""
            text = _continued(first, text)
        for other_id, other in list(self._asked.items()):
            if other.question.asker == question.asker != "" and not other.spoke:
                await self._voice.cancel(other_id)  # the newer question counts
        self._asked.setdefault(request_id, asked)
        return await self._voice.say(
            SayRequest(
                id=request_id,
                text=text,
                voice=voice,
                language=language,
                from_identity=question.asker,
            )
        )

    async def _text(self, asked: _Asked) -> AsyncGenerator[str, None]:
        answers, memory = await asyncio.gather(self._load(), self._memory.recall(asked.question))
        sentences = answers.answer(asked.question, memory, asked.began)
        async with aclosing(sentences):
            async for sentence in sentences:
                yield sentence

    def _goes_on(self, identity: str, start_ms: int) -> None:
        """Who asked speaks on before the answer has begun: it is not wanted any more."""
        if self._hooks.interruption() != "stop":
            return
        for request_id, asked in self._asked.items():
            question = asked.question
            if asked.spoke or question.asker != identity or start_ms <= question.asked_ms:
                continue
            self._hooks.spawn(self._voice.cancel(request_id))

    def _on_status(self, request_id: str, state: SpeechState, _: str) -> None:
        asked = self._asked.get(request_id)
        if asked is None:
            return
        if state is SpeechState.SPEAKING and not asked.spoke:
            asked.spoke = True
            waited_ms = self._clock() - asked.question.asked_ms
            self._metrics.first_sound(asked.engine, waited_ms / 1000)
            log.info("answer begins", engine=asked.engine, how=asked.how, after_ms=waited_ms)
        elif state.final:
            del self._asked[request_id]
            if state in (SpeechState.CANCELLED, SpeechState.INTERRUPTED):
                self._broken_off[asked.question.asker] = asked.question
            self._metrics.ended(asked.engine, state.value)
            log.info("answer ended", engine=asked.engine, how=asked.how, outcome=state.value)

    async def _load(self) -> "RoomAnswers":
        async with self._loading:
            if self._answers is None:
                self._answers = await self._loaded()
        return self._answers

    async def _loaded(self) -> "RoomAnswers":
        try:
            service = await asyncio.to_thread(importlib.import_module, "parley.answers.service")
            finder = await asyncio.to_thread(importlib.import_module, "parley.answers.finder")
            if service.wants_model(self._settings):
                await asyncio.to_thread(importlib.import_module, "parley.answers.gemini")
            names = self._settings.assistant_names
            for every in (False, True):
                self._finders[every] = finder.QuestionFinder(names, every_question=every)
            answers: RoomAnswers = service.answers_for(self._settings)
        except (ImportError, ValueError) as error:
            log.error("answers can't be loaded", reason=str(error))
            raise SetupError(f"answers can't be loaded: {error}") from error
        except ParleyError as error:
            log.error("answers can't be loaded", reason=str(error))
            raise
        return answers


async def _continued(first: str, rest: AsyncIterator[str]) -> AsyncGenerator[str, None]:
    """A text whose first sentence was taken already."""
    try:
        yield first
        async for sentence in rest:
            yield sentence
    finally:
        close = getattr(rest, "aclose", None)
        if close is not None:
            await close()
