"""The committed model is what its manifest says, and holds what the demo needs."""

import json
import re
from typing import Any

import pytest

from bench import model_speech
from recipe import grammar
from recipe.manifest import MANIFEST, model_files, text_files
from recipe.phones import NUMBER
from recipe.places import HELD_OUT_ESPEAK, HELD_OUT_KOKORO, MODEL, TEXT


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(MANIFEST.read_text())
    return loaded


@pytest.fixture(scope="module")
def words() -> list[str]:
    lines = (MODEL / "graph" / "words.txt").read_text().splitlines()
    return [line.split()[0] for line in lines]


def test_each_file_has_the_hash_of_the_manifest(manifest: dict[str, Any]) -> None:
    assert model_files() == manifest["model"]


def test_the_texts_are_the_ones_it_was_made_from(manifest: dict[str, Any]) -> None:
    assert text_files() == manifest["text"]


def test_it_is_at_most_8_mb() -> None:
    assert sum(p.stat().st_size for p in MODEL.rglob("*") if p.is_file()) <= 8_000_000


def test_it_knows_every_word_of_the_demo(words: list[str]) -> None:
    assert set((TEXT / "demo-words.txt").read_text().split()) <= set(words)


def test_its_last_word_is_the_unknown_one(words: list[str]) -> None:
    assert words[0] == "<eps>"
    assert words[-1] == "[unk]"


def test_each_phone_has_a_place_in_the_word() -> None:
    places = (MODEL / "graph" / "phones" / "word_boundary.int").read_text().splitlines()
    phones = (MODEL / "graph" / "phones.txt").read_text().splitlines()[1:]
    assert [line.split()[0] for line in places] == [line.split()[1] for line in phones]
    letters = {"B": "begin", "I": "internal", "E": "end", "S": "singleton", "SIL": "nonword"}
    for phone, place in zip(phones, places, strict=True):
        assert place.split()[1] == letters[phone.split()[0].rpartition("_")[2]]


def test_the_recipe_has_pronunciations_of_three_thousand_words() -> None:
    lines = [line.split("\t") for line in (TEXT / "lexicon.txt").read_text().splitlines()]
    known = {word for word, _, _ in lines}
    assert len(known) >= 3_000
    assert set((TEXT / "demo-words.txt").read_text().split()) <= known
    assert all(phone in NUMBER for _, _, form in lines for phone in form.split())


def test_held_out_sentences_are_in_no_other_text() -> None:
    held_out = {model_speech.words(text) for text in model_speech.sentences("held-out")}
    assert len(held_out) == 300
    talk = [f"talk/{file.stem}" for file in (TEXT / "talk").glob("*.txt")]
    assert len(talk) == 8
    for name in ("scripts", "development", "demo-sentences", *talk):
        assert not held_out & {model_speech.words(text) for text in model_speech.sentences(name)}


def test_the_bench_speaks_with_the_voices_held_out() -> None:
    assert model_speech.KOKORO_VOICES == HELD_OUT_KOKORO
    assert model_speech.ESPEAK_VOICES == HELD_OUT_ESPEAK


def test_no_training_prompt_uses_a_held_out_voice() -> None:
    pytest.importorskip("symspellpy", reason="the training environment's package")
    from recipe.compose import shard

    for engine in ("kokoro", "espeak"):
        for prompt in shard(engine, 0) + shard(engine, 7) + shard(engine, 121):
            assert not set(re.split(r"[+*/]", prompt.voice)) & set(HELD_OUT_KOKORO)
            assert prompt.voice not in HELD_OUT_ESPEAK
            assert grammar.words(prompt.text)
