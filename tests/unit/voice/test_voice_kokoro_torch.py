"""Kokoro through torch: its real classes, a small model of random weights; `make test-torch`."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch", reason="torch has an environment of its own: make test-torch")
kokoro = pytest.importorskip("kokoro", reason="see make test-torch")

from parley.errors import SpeechError  # noqa: E402
from parley.voice import EngineMissingError, UnknownVoiceError, Voice, open_engine  # noqa: E402
from parley.voice.engine import SAMPLE_RATE, SpeechEngine  # noqa: E402

pytestmark = pytest.mark.timeout(300)

# Kokoro-82M's own configuration, with as little as its decoder allows. Voices of languages whose
# graphemes espeak-ng converts need no further model.
_PHONEMES = " abdefhijklmnoprstuvwxzɡɲɾβðθɣʎʃʧʝˈˌːɪɛɔʊəæɑ̃,.!?"
CONFIG = {
    "istftnet": {
        "upsample_kernel_sizes": [20, 12],
        "upsample_rates": [10, 6],
        "gen_istft_hop_size": 5,
        "gen_istft_n_fft": 20,
        "resblock_dilation_sizes": [[1, 3, 5]],
        "resblock_kernel_sizes": [3],
        "upsample_initial_channel": 512,
    },
    "dim_in": 64,
    "dropout": 0.2,
    "hidden_dim": 512,
    "max_dur": 4,
    "n_layer": 1,
    "n_mels": 80,
    "n_token": 178,
    "style_dim": 128,
    "text_encoder_kernel_size": 5,
    "plbert": {
        "hidden_size": 32,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 512,
        "num_hidden_layers": 1,
        "dropout": 0.1,
    },
    "vocab": {phoneme: number for number, phoneme in enumerate(dict.fromkeys(_PHONEMES), 1)},
}
TEXT = "Hola a todos. Nos vemos el lunes."


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder as the published one, made of random numbers."""
    folder = tmp_path_factory.mktemp("kokoro")
    torch.manual_seed(1)
    config, weights = folder / "config.json", folder / "small.pth"
    config.write_text(json.dumps(CONFIG))
    torch.save({}, weights)
    model = kokoro.KModel(repo_id="hexgrad/Kokoro-82M", config=str(config), model=str(weights))
    torch.save({n: part.half().state_dict() for n, part in model.named_children()}, weights)
    (folder / "voices").mkdir()
    for name in ("ef_dora", "im_nicola"):
        torch.save(torch.randn(510, 1, 256), folder / "voices" / f"{name}.pt")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def engine(folder: Path) -> SpeechEngine:
    return open_engine("kokoro", kokoro_dir=folder, first_voice="im_nicola")


async def spoken(engine: SpeechEngine, text: str, **more: Any) -> list[NDArray[np.float32]]:
    return [sound async for sound in engine.stream(text, **more)]


def test_the_folders_voices_are_offered(engine: SpeechEngine) -> None:
    assert engine.name == "kokoro"
    assert engine.voices() == [
        Voice("im_nicola", "it-IT", "male"),
        Voice("ef_dora", "es-ES", "female"),
    ]


async def test_a_text_is_spoken_sentence_by_sentence(engine: SpeechEngine) -> None:
    sounds = await spoken(engine, TEXT, language="es")
    assert len(sounds) == 2
    for sound in sounds:
        assert sound.dtype == np.float32
        assert sound.ndim == 1
        assert len(sound) > SAMPLE_RATE // 10
        assert np.isfinite(sound).all()
        assert 0.0 < np.abs(sound).max() <= 1.0


async def test_speed_shortens_it(engine: SpeechEngine) -> None:
    [slow] = await spoken(engine, "Hola a todos.", voice="ef_dora", speed=0.5)
    [fast] = await spoken(engine, "Hola a todos.", voice="ef_dora", speed=2.0)
    assert len(slow) > 2 * len(fast)


def test_an_unknown_voice_is_refused(engine: SpeechEngine) -> None:
    with pytest.raises(UnknownVoiceError, match="af_heart"):
        engine.stream("Hola.", voice="af_heart")


async def test_a_fault_of_the_model_is_ours(folder: Path) -> None:
    engine = open_engine("kokoro", kokoro_dir=folder)
    (folder / "voices" / "ef_dora.pt").rename(folder / "voices" / "gone")
    try:
        with pytest.raises(SpeechError, match="Kokoro failed"):
            await spoken(engine, "Hola.", voice="ef_dora")
    finally:
        (folder / "voices" / "gone").rename(folder / "voices" / "ef_dora.pt")
    await engine.aclose()


def test_english_says_which_model_it_needs(folder: Path) -> None:
    import spacy.util

    if spacy.util.is_package("en_core_web_sm"):
        pytest.skip("the spaCy model is here")
    voice = folder / "voices" / "af_heart.pt"
    torch.save(torch.randn(510, 1, 256), voice)
    try:
        with pytest.raises(EngineMissingError, match="spacy download en_core_web_sm"):
            open_engine("kokoro", kokoro_dir=folder)
    finally:
        voice.unlink()


@pytest.mark.parametrize("missing", ["config.json", "small.pth", "voices"])
def test_an_incomplete_folder_is_named(folder: Path, tmp_path: Path, missing: str) -> None:
    for path in folder.iterdir():
        if path.name != missing:
            (tmp_path / path.name).symlink_to(path)
    with pytest.raises(EngineMissingError):
        open_engine("kokoro", kokoro_dir=tmp_path)
