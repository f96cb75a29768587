"""Which engine the settings open, and what is said when it can't be."""

import importlib.util
from pathlib import Path

import pytest

from parley.models import models_dir
from parley.settings import load_settings
from parley.voice import EngineMissingError, open_engine


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_CACHE_DIR", str(tmp_path))
    load_settings.cache_clear()


async def test_auto_is_espeak_where_kokoro_is_not() -> None:
    engine = open_engine("auto")
    assert engine.name == "espeak"
    await engine.aclose()


async def test_auto_is_espeak_where_kokoro_is_damaged() -> None:
    folder = models_dir() / "damaged"
    folder.mkdir(parents=True)
    (folder / "kokoro.onnx").write_bytes(b"not a model")
    (folder / "voices.npz").write_bytes(b"no voices")
    engine = open_engine("auto", kokoro_dir=folder)
    assert engine.name == "espeak"
    await engine.aclose()


def test_a_folder_without_kokoro_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineMissingError, match="models pull kokoro"):
        open_engine("kokoro-onnx", kokoro_dir=tmp_path)


@pytest.mark.skipif(importlib.util.find_spec("kokoro") is not None, reason="torch is here")
def test_the_torch_engine_says_what_it_needs() -> None:
    with pytest.raises(EngineMissingError, match="pip install kokoro"):
        open_engine("kokoro")
