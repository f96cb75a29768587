"""Open the speech engine that the settings name."""

from pathlib import Path
from typing import Literal

from parley.models import DEFAULT_VOICE, ensure, locate
from parley.voice.engine import SpeechEngine
from parley.voice.errors import EngineMissingError

EngineName = Literal["auto", "kokoro-onnx", "kokoro", "espeak"]


def open_engine(
    name: EngineName = "auto",
    *,
    kokoro_dir: Path | None = None,
    threads: int = 1,
    workers: int = 1,
    first_voice: str = "af_heart",
) -> SpeechEngine:
    """Load an engine (Kokoro takes a second or two: call it from a thread in asyncio code).

    Args:
        name: `auto` is Kokoro where its packages and model are, else espeak-ng; nothing is
            fetched for it. `kokoro-onnx` fetches the model if it is absent.
        kokoro_dir: folder of Kokoro's files, instead of the fetched model.
        threads: threads one sentence may use.
        workers: sentences made at the same time.
        first_voice: Kokoro's voice that speaks when none is named.

    Raises:
        EngineMissingError: packages are missing.
        ModelError: the model can't be found or fetched.
    """
    if name == "auto":
        folder = kokoro_dir or locate(DEFAULT_VOICE)
        if folder is None:
            return open_engine("espeak")
        try:
            return open_engine(
                "kokoro-onnx",
                kokoro_dir=folder,
                threads=threads,
                workers=workers,
                first_voice=first_voice,
            )
        except EngineMissingError:
            return open_engine("espeak")
    if name == "kokoro-onnx":
        from parley.voice.kokoro_onnx import KokoroOnnx

        return KokoroOnnx(
            kokoro_dir or ensure(DEFAULT_VOICE),
            threads=threads,
            workers=workers,
            first_voice=first_voice,
        )
    if name == "kokoro":
        from parley.voice.kokoro_torch import KokoroTorch

        return KokoroTorch(kokoro_dir, first_voice=first_voice)
    from parley.voice.espeak import Espeak

    return Espeak()
