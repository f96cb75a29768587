"""One request spoken, from its text to the end of its last sound."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Literal

from agent_fleet.voice.interruption import Interruption, Mode, Verdict
from agent_fleet.voice.request import SayRequest, SpeechState
from agent_fleet.voice.sound import Sound
from agent_fleet.voice.stage import Stage
from parley.voice.errors import SpeechTextError
from parley.voice.sentences import split_sentences

_LOOK_S = 0.05

_Made = tuple[str, Sound]
_Queue = asyncio.Queue[_Made | Exception | None]


class Delivery:
    """Makes a request's sentences into sound, each while the one before it is heard."""

    def __init__(
        self,
        request: SayRequest,
        stage: Stage,
        mode: Mode,
        least_ms: int,
        began: Callable[[], None],
    ) -> None:
        """Speak a request; `run` does it.

        Args:
            request: what to say.
            stage: where it is heard.
            mode: what somebody who begins to speak does.
            least_ms: speech that counts as beginning to speak.
            began: called when the first sound goes out.
        """
        self._request = request
        self._stage = stage
        self._mode = mode
        self._least_ms = least_ms
        self._began = began
        self._interruption: Interruption | None = None
        self._cancelled = False
        self._spoke = False

    def cancel(self) -> None:
        """Stop within a frame."""
        self._cancelled = True

    async def run(self) -> SpeechState:
        """Speak; returns how it ended: `DONE`, `CANCELLED` or `INTERRUPTED`.

        Raises:
            ParleyError: the voice isn't known, there is nothing to say, or the engine failed.
        """
        voice = await self._stage.voice_for(self._request)
        made: _Queue = asyncio.Queue(1)  # and one being made
        opening = asyncio.create_task(self._stage.open())
        making = asyncio.create_task(self._make(voice, made))
        try:
            return await self._play(made, opening)
        finally:
            opening.cancel()
            making.cancel()
            await asyncio.gather(opening, making, return_exceptions=True)

    async def _make(self, voice: str, made: _Queue) -> None:
        try:
            async for sentence in _sentences(self._request.text):
                sound = await self._stage.make(sentence, voice, self._request.speed)
                await made.put((sentence, sound))
            await made.put(None)
        except Exception as error:  # the player raises it when it gets there
            await made.put(error)

    async def _play(self, made: _Queue, opening: "asyncio.Task[None]") -> SpeechState:
        while (item := await self._next(made)) is not None:
            if item is Verdict.STOP:
                return self._stopped()
            if isinstance(item, Exception):
                raise item
            sentence, sound = item
            await opening
            if self._interruption is None:
                self._interruption = Interruption(
                    self._mode,
                    self._stage.talkers(),
                    least_ms=self._least_ms,
                    may_stop=self._request.interruptible,
                )
            if not await self._stage.play(sentence, sound, self._look, self._on_sound):
                return self._stopped()
        if not self._spoke:
            raise SpeechTextError("There is nothing to say in the text.")
        return SpeechState.DONE if await self._stage.finish(self._look) else self._stopped()

    async def _next(self, made: _Queue) -> _Made | Exception | Literal[Verdict.STOP] | None:
        """The next sound, None at the end, or `STOP` as soon as the request is to end."""
        getting = asyncio.create_task(made.get())
        try:
            while not getting.done():
                if self._look() is Verdict.STOP:
                    return Verdict.STOP
                await asyncio.wait({getting}, timeout=_LOOK_S)
            return getting.result()
        finally:
            getting.cancel()
            await asyncio.gather(getting, return_exceptions=True)

    def _look(self) -> Verdict:
        if self._cancelled:
            return Verdict.STOP
        if self._interruption is None:  # nothing has been heard yet that could be interrupted
            return Verdict.GO_ON
        return self._interruption.look(self._stage.talkers())

    def _on_sound(self) -> None:
        if not self._spoke:
            self._spoke = True
            self._began()

    def _stopped(self) -> SpeechState:
        return SpeechState.CANCELLED if self._cancelled else SpeechState.INTERRUPTED


async def _sentences(text: str | AsyncIterator[str]) -> AsyncIterator[str]:
    if isinstance(text, str):
        for sentence in split_sentences(text):
            yield sentence
        return
    async for piece in text:
        for sentence in split_sentences(piece):
            yield sentence
