"""espeak-ng as a speech engine: a robot's voice, but small, instant and always there."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from parley.audio.resample import resample, to_float32
from parley.voice.ahead import one_ahead
from parley.voice.choice import check_request, choose_voice
from parley.voice.engine import SAMPLE_RATE, Voice
from parley.voice.espeak_library import EspeakLibrary
from parley.voice.sentences import split_sentences

_GENDERS: dict[int, Literal["female", "male"]] = {1: "male", 2: "female"}
_FIRST = "en-us"
# Variants of the default voice that sound like different people.
_VARIANTS: dict[str, Literal["female", "male"]] = {
    "f2": "female",
    "f3": "female",
    "f4": "female",
    "m1": "male",
    "m3": "male",
    "m7": "male",
}


@cache
def _library() -> EspeakLibrary:
    """The one library of this process."""
    return EspeakLibrary()


class Espeak:
    """Speech engine on the espeak-ng library; voices are called by language, e.g. `en-us+f3`."""

    name = "espeak"

    def __init__(self) -> None:
        """Load the library.

        Raises:
            EngineMissingError: it isn't on this machine.
        """
        self._library = _library()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="espeak")
        self._identifiers = {voice.language: voice.identifier for voice in self._library.voices()}
        named = {
            voice.language: Voice(
                voice.language, _bcp47(voice.language), _GENDERS.get(voice.gender, "unknown")
            )
            for voice in self._library.voices()
        }
        variants = [
            Voice(f"{language}+{variant}", _bcp47(language), gender)
            for language in ("en-us", "en-gb")
            for variant, gender in _VARIANTS.items()
        ]
        ordered = [*named.values(), *variants]
        ordered.sort(key=lambda voice: (voice.name != _FIRST, voice.name))
        self._voices = ordered

    def voices(self) -> list[Voice]:
        """Every voice, the default first."""
        return list(self._voices)

    def stream(
        self, text: str, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[NDArray[np.float32]]:
        """Speak a text; see `SpeechEngine.stream`."""
        check_request(text, speed)
        chosen = choose_voice(self._voices, voice, language)
        jobs = [partial(self.render, sentence, chosen, speed) for sentence in split_sentences(text)]
        return one_ahead(self._pool, jobs)

    def render(self, sentence: str, voice: Voice, speed: float) -> NDArray[np.float32]:
        """Make one sentence in the calling thread: float32, shape (n,), at 24 kHz.

        Raises:
            SpeechError: the library refused the voice or the text.
        """
        language, plus, variant = voice.name.partition("+")
        identifier = self._identifiers[language] + plus + variant
        samples = self._library.speak(sentence, identifier, speed)
        return resample(to_float32(samples), self._library.rate, SAMPLE_RATE)

    async def aclose(self) -> None:
        """Wait for work under way and free the thread."""
        await asyncio.to_thread(self._pool.shutdown, True, cancel_futures=True)


def _bcp47(language: str) -> str:
    """espeak-ng's `en-us` as `en-US`."""
    head, _, region = language.partition("-")
    return f"{head}-{region.upper()}" if len(region) == 2 else language
