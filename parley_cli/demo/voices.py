"""The script's voices: every line spoken once by an engine, kept in the cache, laid out in time."""

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from parley.audio.resample import to_int16
from parley.models import speech_dir
from parley.voice import SAMPLE_RATE, SpeechEngine, open_engine
from parley_cli.demo.schedule import Schedule, schedule
from parley_cli.demo.script import Actor, Say, Script
from parley_cli.demo.words import Aligner, Word, speech_bounds

Voices = Literal["kokoro", "espeak"]
Progress = Callable[[int, int], None]

_FORMAT = 1
"""Part of every cache key: raise it when what is kept changes."""
_MARGIN_S = 0.03
"""Sound kept before and after the speech of a line."""


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
    """
    cast = {actor.identity: actor for actor in script.cast}
    says = [event for event in script.events if isinstance(event, Say)]
    studio = _Studio(voices)
    lines = []
    try:
        for done, say in enumerate(says):
            progress(done, len(says))
            lines.append(await studio.line(cast[say.identity], say.text))
        progress(len(says), len(says))
    finally:
        await studio.aclose()
    durations = [round(len(line.samples) * 1000 / SAMPLE_RATE) for line in lines]
    return RenderedMeeting(script, schedule(script, durations), tuple(lines))


class _Studio:
    """Makes lines, or takes them from the cache; loads engine and aligner only when needed."""

    def __init__(self, voices: Voices) -> None:
        self._voices = voices
        self._engine: SpeechEngine | None = None
        self._aligner: Aligner | None = None

    async def line(self, actor: Actor, text: str) -> RenderedLine:
        voice = actor.kokoro_voice if self._voices == "kokoro" else actor.espeak_voice
        path = speech_dir() / f"{self._key(voice, text)}.npz"
        if (kept := _read(path)) is None:
            kept = await self._make(voice, text)
            _write(path, *kept)
        return RenderedLine(actor.identity, text, *kept)

    async def aclose(self) -> None:
        if self._engine is not None:
            await self._engine.aclose()

    def _key(self, voice: str, text: str) -> str:
        said = json.dumps([_FORMAT, self._voices, voice, text])
        return hashlib.sha256(said.encode()).hexdigest()[:32]

    async def _make(self, voice: str, text: str) -> tuple[NDArray[np.int16], tuple[Word, ...]]:
        if self._engine is None:
            self._engine = open_engine("espeak" if self._voices == "espeak" else "kokoro-onnx")
            self._aligner = Aligner()
        assert self._aligner is not None
        parts = [part async for part in self._engine.stream(text, voice)]
        samples = to_int16(np.concatenate(parts))
        first, last = speech_bounds(samples, SAMPLE_RATE)
        margin = int(_MARGIN_S * SAMPLE_RATE)
        samples = samples[max(0, first - margin) : last + margin]
        return samples, self._aligner.align(text, samples, SAMPLE_RATE)


def _read(path: Path) -> tuple[NDArray[np.int16], tuple[Word, ...]] | None:
    try:
        with np.load(path, allow_pickle=False) as kept:
            words = json.loads(str(kept["words"]))
            return kept["samples"], tuple(Word(**word) for word in words)
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error):
        return None  # absent, or damaged: it is made again


def _write(path: Path, samples: NDArray[np.int16], words: tuple[Word, ...]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.stem}.{os.getpid()}.npz")
    with made.open("wb") as stream:
        np.savez_compressed(
            stream, samples=samples, words=json.dumps([asdict(word) for word in words])
        )
    made.replace(path)
