"""The script's voices: every line spoken once by an engine, and the meeting laid out in time."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parley.voice import SAMPLE_RATE
from parley_cli.demo.schedule import Schedule, schedule
from parley_cli.demo.script import Actor, Say, Script
from parley_cli.demo.studio import Studio, Take, Voices, kept_take
from parley_cli.demo.words import Word

Progress = Callable[[int, int], None]

__all__ = ["Progress", "RenderedLine", "RenderedMeeting", "Voices", "render"]


@dataclass(frozen=True)
class RenderedLine:
    """One line as sound: int16, mono, shape (n,), at 24 kHz, and the times of its words."""

    identity: str
    text: str
    samples: NDArray[np.int16]
    words: tuple[Word, ...]


@dataclass(frozen=True)
class RenderedMeeting:
    """The whole meeting, ready to be spoken: `lines[i]` is `schedule.lines[i]` as sound."""

    script: Script
    schedule: Schedule
    lines: tuple[RenderedLine, ...]
    sample_rate: int = SAMPLE_RATE


async def render(script: Script, voices: Voices, progress: Progress) -> RenderedMeeting:
    """Speak every line that the cache doesn't hold yet, and lay the meeting out in time.

    Args:
        script: the screenplay.
        voices: the engine that speaks; Kokoro's model is fetched if it is absent.
        progress: called with the lines that are ready and all lines.

    Raises:
        ModelError: Kokoro can't be fetched.
        EngineMissingError: the engine's packages are missing.
        SpeechError: the engine failed on a line.
    """
    cast = {actor.identity: actor for actor in script.cast}
    says = [event for event in script.events if isinstance(event, Say)]
    wanted = [(_voice(cast[say.identity], voices), say.text) for say in says]
    takes = {line: take for line in wanted if (take := kept_take(voices, *line)) is not None}
    missing = [line for line in dict.fromkeys(wanted) if line not in takes]

    def tell() -> None:
        progress(sum(line in takes for line in wanted), len(wanted))

    tell()
    if missing:
        await _record(voices, missing, takes, tell)
    lines = tuple(
        RenderedLine(say.identity, say.text, takes[line].samples, takes[line].words)
        for say, line in zip(says, wanted, strict=True)
    )
    durations = [round(len(line.samples) * 1000 / SAMPLE_RATE) for line in lines]
    return RenderedMeeting(script, schedule(script, durations), lines)


async def _record(
    voices: Voices,
    lines: list[tuple[str, str]],
    takes: dict[tuple[str, str], Take],
    tell: Callable[[], None],
) -> None:
    studio = await Studio.open(voices)

    async def one(voice: str, text: str) -> None:
        takes[voice, text] = await studio.record(voice, text)
        tell()

    try:
        async with asyncio.TaskGroup() as tasks:
            for line in lines:
                tasks.create_task(one(*line))
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None  # one reason is enough
    finally:
        await studio.aclose()


def _voice(actor: Actor, voices: Voices) -> str:
    return actor.kokoro_voice if voices == "kokoro" else actor.espeak_voice
