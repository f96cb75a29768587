"""The fleet's end of the speech engine's process: started when needed, and anew after a crash."""

import asyncio
import itertools
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from agent_fleet.voice.engine_wire import Head, pack, read
from agent_fleet.voice.errors import EngineBusyError, EngineProcessError
from parley.errors import SetupError, SpeechError
from parley.telemetry.logs import get_logger
from parley.voice.choice import choose_voice
from parley.voice.engine import Voice

log = get_logger("voice")

COMMAND = (sys.executable, "-m", "agent_fleet.voice.engine_main")
_START_LIMIT_S = 60.0
_MAX_WAITING = 64
_STEADY_S = 5.0  # a process that ends sooner is not started again before it is needed


@dataclass
class _Running:
    """One process, from its start to its end."""

    process: asyncio.subprocess.Process
    reader: asyncio.StreamReader
    name: str = ""
    voices: tuple[Voice, ...] = ()
    answers: dict[int, "asyncio.Queue[tuple[Head, bytes] | None]"] = field(default_factory=dict)
    reading: "asyncio.Task[None] | None" = None
    since: float = field(default_factory=time.monotonic)


class EngineProcess:
    """One loaded engine for all rooms of the fleet; every method runs on the main loop."""

    def __init__(
        self,
        *,
        workers: int = 1,
        timeout_s: float = 60.0,
        environment: dict[str, str] | None = None,
        command: Sequence[str] = COMMAND,
    ) -> None:
        """Start nothing yet.

        Args:
            workers: sentences made at once; more wait their turn.
            timeout_s: a sentence that takes longer means that the process hangs.
            environment: of the process, else this process's own.
            command: what is run.
        """
        self._timeout_s = timeout_s
        self._environment = environment
        self._command = tuple(command)
        self._turns = asyncio.Semaphore(workers)
        self._starting = asyncio.Lock()
        self._running: _Running | None = None
        self._numbers = itertools.count()
        self._restarting: asyncio.Task[None] | None = None
        self._closed = False
        self.waiting = 0
        self.starts = 0
        self.crashes = 0

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self._running.process.pid if self._running else None

    @property
    def making(self) -> int:
        """Sentences that the process works on."""
        return len(self._running.answers) if self._running else 0

    async def warm(self) -> None:
        """Load the engine now if it isn't.

        Raises:
            SetupError: it can't be loaded; the message says why.
            EngineProcessError: the process ended without a word.
        """
        await self._ready()

    async def voice_for(self, voice: str | None, language: str | None) -> Voice:
        """The voice that speaks when this is asked for.

        Raises:
            UnknownVoiceError: there is none.
        """
        return choose_voice((await self._ready()).voices, voice, language)

    async def speak(self, sentence: str, voice: str, speed: float) -> NDArray[np.int16]:
        """Make a sentence into sound.

        Args:
            sentence: plain text.
            voice: name of a voice.
            speed: pace, 0.5..2.

        Returns:
            int16, shape (n,), mono at 24 kHz.

        Raises:
            EngineBusyError: too many sentences wait.
            EngineProcessError: the process ended or hung; it is started anew.
            SpeechError: the engine refused the sentence.
        """
        if self.waiting >= _MAX_WAITING:
            raise EngineBusyError("too many sentences wait for the speech engine")
        async with self._turn():
            running = await self._ready()
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await self._ask(running, sentence, voice, speed)
            except TimeoutError as error:
                running.process.kill()
                raise EngineProcessError(
                    f"the speech engine took longer than {self._timeout_s:g} s"
                ) from error

    async def aclose(self) -> None:
        """End the process."""
        self._closed = True
        if self._restarting is not None:
            self._restarting.cancel()
            await asyncio.gather(self._restarting, return_exceptions=True)
        if (running := self._running) is not None:
            assert running.process.stdin is not None
            running.process.stdin.close()
            try:
                await asyncio.wait_for(running.process.wait(), 5.0)
            except TimeoutError:
                running.process.kill()
            if running.reading is not None:
                await running.reading

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        self.waiting += 1
        try:
            await self._turns.acquire()
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self._turns.release()

    async def _ask(
        self, running: _Running, sentence: str, voice: str, speed: float
    ) -> NDArray[np.int16]:
        number = next(self._numbers)
        answers: asyncio.Queue[tuple[Head, bytes] | None] = asyncio.Queue()
        running.answers[number] = answers
        sounds: list[bytes] = []
        try:
            request = {"number": number, "text": sentence, "voice": voice, "speed": speed}
            assert running.process.stdin is not None
            running.process.stdin.write(pack(request))
            while True:
                answer = None if running.reading is None else await answers.get()
                if answer is None:
                    raise EngineProcessError("the speech engine's process ended")
                head, sound = answer
                if "failed" in head:
                    raise SpeechError(head["failed"])
                if "done" in head:
                    return np.frombuffer(b"".join(sounds), np.int16)
                sounds.append(sound)
        finally:
            running.answers.pop(number, None)

    async def _ready(self) -> _Running:
        async with self._starting:
            if self._closed:
                raise EngineProcessError("the speech engine is closed")
            if self._running is None:
                self._running = await self._start()
            return self._running

    async def _start(self) -> _Running:
        self.starts += 1
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=self._environment,
        )
        assert process.stdout is not None
        try:
            hello = await asyncio.wait_for(read(process.stdout), _START_LIMIT_S)
        except TimeoutError:
            hello = None
        except asyncio.CancelledError:
            process.kill()
            raise
        if hello is None:
            status = await _end(process)
            raise EngineProcessError(f"the speech engine's process did not start ({status})")
        if "failed" in hello[0]:
            await _end(process)
            raise SetupError(hello[0]["failed"])
        running = _Running(
            process,
            process.stdout,
            hello[0]["engine"],
            tuple(Voice(**voice) for voice in hello[0]["voices"]),
        )
        running.reading = asyncio.create_task(self._read(running), name="speech engine")
        log.info("speech engine ready", engine=running.name, voices=len(running.voices))
        return running

    async def _read(self, running: _Running) -> None:
        """Hand answers to who asked, until the process ends."""
        while (message := await read(running.reader)) is not None:
            if (answers := running.answers.get(message[0]["number"])) is not None:
                answers.put_nowait(message)
        self._running = None
        running.reading = None
        for answers in running.answers.values():
            answers.put_nowait(None)
        status = await _end(running.process)
        if not self._closed:
            self.crashes += 1
            log.error("speech engine ended", status=status)
            if time.monotonic() - running.since > _STEADY_S:
                self._restarting = asyncio.create_task(self._restart())

    async def _restart(self) -> None:
        try:
            await self._ready()
        except (SetupError, SpeechError) as error:
            log.error("speech engine not started again", reason=error.code)


async def _end(process: asyncio.subprocess.Process) -> int:
    """Wait for the end of a process that is ending, or make it end; returns its status."""
    try:
        return await asyncio.wait_for(process.wait(), 1.0)
    except TimeoutError:
        process.kill()
        return await process.wait()
