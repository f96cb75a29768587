"""Kokoro-82M through onnxruntime: natural voices on a CPU, no torch."""

import asyncio
import logging
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from parley.errors import SpeechError
from parley.voice.ahead import one_ahead
from parley.voice.choice import check_request, choose_voice
from parley.voice.engine import SAMPLE_RATE, Voice
from parley.voice.errors import EngineMissingError
from parley.voice.sentences import split_sentences

# A voice's first letter is its language: BCP 47 tag, espeak-ng's name. Japanese and Chinese
# voices need other phonemes than espeak-ng's and aren't offered here.
_LANGUAGES = {
    "a": ("en-US", "en-us"),
    "b": ("en-GB", "en-gb"),
    "e": ("es-ES", "es"),
    "f": ("fr-FR", "fr-fr"),
    "h": ("hi-IN", "hi"),
    "i": ("it-IT", "it"),
    "p": ("pt-BR", "pt-br"),
}
_GENDERS: dict[str, Literal["female", "male"]] = {"f": "female", "m": "male"}
_PAUSE_S = 0.25
"""Silence after a sentence that another one follows, at speed 1."""


class KokoroOnnx:
    """Speech engine on a folder that holds `*.onnx` and a voices file (`voices*`)."""

    name = "kokoro-onnx"

    def __init__(
        self, folder: Path, *, threads: int = 1, workers: int = 1, first_voice: str = "af_heart"
    ) -> None:
        """Load the model.

        Args:
            folder: the model's folder, as `parley.models.ensure("kokoro")` gives it.
            threads: threads that one sentence may use.
            workers: sentences made at the same time.
            first_voice: the voice that speaks when none is named.

        Raises:
            EngineMissingError: a package or a file is missing.
        """
        self._kokoro = _load(folder, threads)
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="kokoro")
        names = [name for name in self._kokoro.get_voices() if name[0] in _LANGUAGES]
        names.sort(key=lambda name: (name != first_voice, name))
        self._voices = [
            Voice(name, _LANGUAGES[name[0]][0], _GENDERS.get(name[1], "unknown")) for name in names
        ]

    def voices(self) -> list[Voice]:
        """Every voice, the default first."""
        return list(self._voices)

    def stream(
        self, text: str, voice: str | None = None, speed: float = 1.0, language: str | None = None
    ) -> AsyncIterator[NDArray[np.float32]]:
        """Speak a text; see `SpeechEngine.stream`."""
        check_request(text, speed)
        chosen = choose_voice(self._voices, voice, language)
        sentences = split_sentences(text)
        return one_ahead(
            self._pool,
            [
                partial(self.render, sentence, chosen, speed, pause=position < len(sentences))
                for position, sentence in enumerate(sentences, start=1)
            ],
        )

    def render(
        self, sentence: str, voice: Voice, speed: float, *, pause: bool = False
    ) -> NDArray[np.float32]:
        """Make one sentence in the calling thread: float32, shape (n,), at 24 kHz.

        With `pause`, the silence between two sentences follows it.

        Raises:
            SpeechError: the model failed on it.
        """
        try:
            sound, _ = self._kokoro.create(
                sentence, voice=voice.name, speed=speed, lang=_LANGUAGES[voice.name[0]][1]
            )
        except Exception as error:  # onnxruntime and the phonemizer raise their own kinds
            raise SpeechError(f"Kokoro failed on a sentence: {type(error).__name__}.") from error
        return np.pad(
            np.asarray(sound, dtype=np.float32), (0, int(pause * _PAUSE_S / speed * SAMPLE_RATE))
        )

    async def aclose(self) -> None:
        """Wait for work under way and free the threads."""
        await asyncio.to_thread(self._pool.shutdown, True, cancel_futures=True)


def _load(folder: Path, threads: int) -> Any:
    try:
        import onnxruntime
        from kokoro_onnx import Kokoro
    except ImportError as error:
        raise EngineMissingError(
            "The voice packages aren't installed: install the extra `voice`."
        ) from error
    model = next(iter(sorted(folder.glob("*.onnx"))), None)
    voices = next(iter(sorted(folder.glob("voices*"))), None)
    if model is None or voices is None:
        raise EngineMissingError(
            f"{folder} holds no Kokoro model and voices: run `parley models pull kokoro`."
        )
    logging.getLogger("phonemizer").setLevel(logging.ERROR)  # it warns about every odd token
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        kokoro = Kokoro.from_session(session, str(voices))
    except Exception as error:  # onnxruntime raises its own kinds
        raise EngineMissingError(
            f"{model.name} can't be loaded: delete {folder} and run `parley models pull kokoro`."
        ) from error
    # Read once: the archive re-reads a voice at every use and isn't made for several threads.
    kokoro.voices = dict(kokoro.voices)
    return kokoro
