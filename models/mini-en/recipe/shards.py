"""Synthesised speech on disk: one pair of files a shard, written whole or not at all."""

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recipe.compose import Prompt
from recipe.places import CACHE


@dataclass(frozen=True)
class Utterance:
    """Speech with what was said.

    Attributes:
        prompt: What the synthesiser was asked for.
        phones: The sounds as the synthesiser's own front end gave them (IPA, or the engine's names).
        samples: 16 kHz mono int16.
    """

    prompt: Prompt
    phones: str
    samples: NDArray[np.int16]


def path(engine: str, number: int) -> Path:
    """The audio file of a shard (its texts lie beside it as `.json`)."""
    return CACHE / "speech" / engine / f"{number:04}.npy"


def save(engine: str, number: int, utterances: list[Utterance]) -> None:
    """Write a shard; the audio file comes last, so that its presence means the shard is whole."""
    target = path(engine, number)
    target.parent.mkdir(parents=True, exist_ok=True)
    rows = [{**asdict(u.prompt), "phones": u.phones, "samples": len(u.samples)} for u in utterances]
    _replace(target.with_suffix(".json"), json.dumps(rows, ensure_ascii=False).encode())
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    with partial.open("wb") as out:
        np.save(out, np.concatenate([u.samples for u in utterances]))
    partial.replace(target)


def load(engine: str, number: int) -> Iterator[Utterance]:
    """The utterances of a saved shard, in order."""
    target = path(engine, number)
    samples = np.load(target)
    start = 0
    for row in json.loads(target.with_suffix(".json").read_text()):
        length, phones = row.pop("samples"), row.pop("phones")
        yield Utterance(Prompt(**row), phones, samples[start : start + length].copy())
        start += length


def saved(engine: str) -> list[int]:
    """The numbers of the shards that are there."""
    return sorted(int(p.stem) for p in (CACHE / "speech" / engine).glob("[0-9]*.npy"))


def _replace(target: Path, data: bytes) -> None:
    partial = target.with_name(f".{target.name}.{os.getpid()}")
    partial.write_bytes(data)
    partial.replace(target)
