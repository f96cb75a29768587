"""What all rooms of one agent process share of the voice: its engine, asked from any loop."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from agent_fleet.voice.engine_process import EngineProcess
from agent_fleet.voice.request import SpeechState
from parley.errors import ParleyError
from parley.settings import Settings
from parley.telemetry.logs import get_logger

log = get_logger("voice")

T = TypeVar("T")

_SECONDS = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0)


class SharedVoice:
    """One engine for all rooms; made and closed on the main loop, used from any."""

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        """Start nothing yet, unless `start` is called.

        Args:
            settings: the engine's.
            registry: where its metrics are shown.
        """
        self.settings = settings
        self.engine = EngineProcess(
            workers=settings.voice_workers, timeout_s=settings.voice_timeout_s
        )
        self._loop = asyncio.get_running_loop()
        self._first_sound = Histogram(
            "parley_speech_first_sound_seconds",
            "From a request to speak to its first sound going out.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._making = Histogram(
            "parley_speech_sentence_seconds",
            "Time to make the sound of a sentence, waiting included.",
            buckets=_SECONDS,
            registry=registry,
        )
        self._requests = Counter(
            "parley_speech_requests",
            "Requests to speak, by how they ended.",
            ["state"],
            registry=registry,
        )
        gauges: dict[str, tuple[str, Callable[[], float]]] = {
            "parley_speech_waiting": ("Sentences that wait.", lambda: self.engine.waiting),
            "parley_speech_making": ("Sentences being made.", lambda: self.engine.making),
            "parley_speech_crashes": ("Ends of its process.", lambda: self.engine.crashes),
        }
        for name, (what, value) in gauges.items():
            Gauge(name, what, registry=registry).set_function(value)

    async def warm(self) -> None:
        """Load the engine now if it isn't; from any loop."""
        await self._on_main(self.engine.warm)

    async def preload(self) -> None:
        """Load the engine before it is needed; an agent that can't speak still hears."""
        try:
            await self.engine.warm()
        except ParleyError as error:
            log.error("speech engine not loaded", reason=str(error))

    async def voice_for(self, voice: str | None, language: str | None) -> str:
        """The name of the voice that speaks; see `EngineProcess.voice_for`."""
        return (await self._on_main(lambda: self.engine.voice_for(voice, language))).name

    async def speak(self, sentence: str, voice: str, speed: float) -> NDArray[np.int16]:
        """A sentence's sound; see `EngineProcess.speak`."""
        with self._making.time():
            return await self._on_main(lambda: self.engine.speak(sentence, voice, speed))

    def first_sound(self, seconds: float) -> None:
        """A request's first sound went out after so long."""
        self._first_sound.observe(seconds)

    def count(self, _: str, state: SpeechState, __: str) -> None:
        """A request's state changed: a listener of every room's voice."""
        if state.final:
            self._requests.labels(state.value).inc()

    async def aclose(self) -> None:
        """End the engine's process."""
        await self.engine.aclose()

    def _on_main(self, work: Callable[[], Coroutine[Any, Any, T]]) -> "asyncio.Future[T]":
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), self._loop))
