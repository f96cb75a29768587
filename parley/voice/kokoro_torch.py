"""Kokoro-82M through torch (`kokoro.KPipeline`): the engine for machines with a GPU."""

import asyncio
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
from parley.voice.engine import Voice
from parley.voice.errors import EngineMissingError
from parley.voice.sentences import split_sentences

_LANGUAGES = {
    "a": "en-US",
    "b": "en-GB",
    "e": "es-ES",
    "f": "fr-FR",
    "h": "hi-IN",
    "i": "it-IT",
    "j": "ja-JP",
    "p": "pt-BR",
    "z": "zh-CN",
}
_CONVERTERS = {"j": "ja", "z": "zh"}
"""Languages whose grapheme converters are extras of `misaki`."""
_SPACY_MODEL = "en_core_web_sm"
_REPOSITORY = "hexgrad/Kokoro-82M"
_GENDERS: dict[str, Literal["female", "male"]] = {"f": "female", "m": "male"}


class KokoroTorch:
    """Speech engine on a folder that holds `config.json`, `*.pth` and `voices/*.pt`."""

    name = "kokoro"

    def __init__(
        self, folder: Path | None, *, device: str | None = None, first_voice: str = "af_heart"
    ) -> None:
        """Load the model.

        Args:
            folder: a copy of the published repository of Kokoro-82M.
            device: torch device; without it CUDA where there is one.
            first_voice: the voice that speaks when none is named.

        Raises:
            EngineMissingError: the package or a file is missing.
        """
        try:
            import kokoro
            import torch
        except ImportError as error:
            raise EngineMissingError(
                "The engine `kokoro` needs torch: pip install kokoro, or choose `kokoro-onnx`."
            ) from error
        config = folder / "config.json" if folder else None
        weights = next(iter(sorted(folder.glob("*.pth"))), None) if folder else None
        if folder is None or config is None or weights is None or not config.is_file():
            raise EngineMissingError(
                "PARLEY_KOKORO_DIR must name a folder with Kokoro's config.json, its .pth file "
                "and voices/*.pt."
            )
        self._folder = folder
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        # The name only chooses how Chinese is read; with all files given nothing is fetched.
        model = kokoro.KModel(repo_id=_REPOSITORY, config=str(config), model=str(weights))
        self._model = model.to(self._device).eval()
        self._new_pipeline = partial(kokoro.KPipeline, repo_id=_REPOSITORY, model=self._model)
        self._pipelines: dict[str, Any] = {}
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="kokoro")
        names = [path.stem for path in (folder / "voices").glob("*.pt")]
        names.sort(key=lambda name: (name != first_voice, name))
        self._voices = [
            Voice(name, _LANGUAGES[name[0]], _GENDERS.get(name[1], "unknown"))
            for name in names
            if name[0] in _LANGUAGES
        ]
        if not self._voices:
            raise EngineMissingError(f"{folder}/voices holds no voice (*.pt) of Kokoro.")
        if any(voice.language.startswith("en") for voice in self._voices):
            _expect_english()

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
            SpeechError: the model failed on it.
        """
        style = str(self._folder / "voices" / f"{voice.name}.pt")
        letter = voice.name[0]
        try:
            if letter not in self._pipelines:
                self._pipelines[letter] = self._new_pipeline(lang_code=letter)
            results = self._pipelines[letter](sentence, voice=style, speed=speed)
            parts = [result.audio.cpu().numpy() for result in results if result.audio is not None]
        except ImportError as error:  # of a language's own grapheme converter
            extra = _CONVERTERS.get(letter, "en")
            raise EngineMissingError(
                f"Kokoro's {voice.language} voices need packages: pip install 'misaki[{extra}]'."
            ) from error
        except Exception as error:  # torch and the grapheme converters raise their own kinds
            raise SpeechError(f"Kokoro failed on a sentence: {type(error).__name__}.") from error
        sound = np.concatenate(parts) if parts else np.zeros(0)
        return sound.clip(-1.0, 1.0).astype(np.float32)

    async def aclose(self) -> None:
        """Wait for work under way and free the thread."""
        await asyncio.to_thread(self._pool.shutdown, True, cancel_futures=True)


def _expect_english() -> None:
    """English graphemes are converted with a spaCy model; else kokoro fetches it, or exits."""
    import spacy.util

    if not spacy.util.is_package(_SPACY_MODEL):
        raise EngineMissingError(
            f"Kokoro's English voices need a spaCy model: python -m spacy download {_SPACY_MODEL}."
        )
