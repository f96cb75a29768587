"""Makes a line's sound and word times with an engine, and keeps both in the cache."""

import asyncio
import hashlib
import json
import os
import zipfile
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from parley.audio.resample import to_int16
from parley.models import speech_dir
from parley.voice import SAMPLE_RATE, SpeechEngine, open_engine
from parley_cli.demo.words import Aligner, Word, speech_bounds

Voices = Literal["kokoro", "espeak"]

_FORMAT = 1
"""Part of every cache key: raise it when what is kept changes."""
_MARGIN_S = 0.03
"""Sound kept before and after the speech of a line."""


@dataclass(frozen=True)
class Take:
    """A spoken line: int16, mono, shape (n,), at 24 kHz, and the times of its words."""

    samples: NDArray[np.int16]
    words: tuple[Word, ...]


class Studio:
    """A loaded engine and a loaded recogniser that finds the words; `record` may be called at once.

    Lines are made by as many single-threaded workers as there are cores: on two cores that gives
    more speech a minute than one line on two threads.
    """

    def __init__(self, voices: Voices) -> None:
        """Load both; takes seconds, minutes where Kokoro has to be fetched.

        Raises:
            ModelError: Kokoro can't be fetched.
            EngineMissingError: the engine's packages are missing.
        """
        self._voices = voices
        self._engine: SpeechEngine = open_engine(
            "espeak" if voices == "espeak" else "kokoro-onnx", workers=os.cpu_count() or 1
        )
        self._aligner = Aligner()

    @classmethod
    async def open(cls, voices: Voices) -> Self:
        """Load in a thread; raises as the constructor."""
        return await asyncio.to_thread(cls, voices)

    async def record(self, voice: str, text: str) -> Take:
        """Speak a line and keep it.

        Raises:
            SpeechError: the engine failed.
        """
        parts = [part async for part in self._engine.stream(text, voice)]
        take = await asyncio.to_thread(self._cut, text, np.concatenate(parts))
        _write(_path(self._voices, voice, text), take)
        return take

    async def aclose(self) -> None:
        """Wait for work under way and free the engine."""
        await self._engine.aclose()

    def _cut(self, text: str, sound: NDArray[np.float32]) -> Take:
        samples = to_int16(sound)
        first, last = speech_bounds(samples, SAMPLE_RATE)
        margin = int(_MARGIN_S * SAMPLE_RATE)
        samples = samples[max(0, first - margin) : last + margin]
        return Take(samples, self._aligner.align(text, samples, SAMPLE_RATE))


def kept_take(voices: Voices, voice: str, text: str) -> Take | None:
    """What the cache holds of a line, or `None`: absent, or damaged."""
    try:
        with np.load(_path(voices, voice, text), allow_pickle=False) as kept:
            words = json.loads(str(kept["words"]))
            return Take(kept["samples"], tuple(Word(**word) for word in words))
    except (OSError, ValueError, KeyError, EOFError, TypeError, zipfile.BadZipFile, zlib.error):
        return None


def _path(voices: Voices, voice: str, text: str) -> Path:
    said = json.dumps([_FORMAT, voices, voice, text])
    return speech_dir() / f"{hashlib.sha256(said.encode()).hexdigest()[:32]}.npz"


def _write(path: Path, take: Take) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_name(f".{path.stem}.{os.getpid()}.npz")
    with made.open("wb") as stream:
        words = json.dumps([asdict(word) for word in take.words])
        np.savez_compressed(stream, samples=take.samples, words=words)
    made.replace(path)
