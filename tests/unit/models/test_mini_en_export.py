"""The exported network is Kaldi's, the same every time, and close to what was trained."""

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from agent_fleet.vosk_recogniser import VoskModel
from recipe.backoff import START, Model
from recipe.export import KaldiWriter, acoustic_model, fold, write
from recipe.graph import Builder, Scales
from recipe.layers import DIMENSION, LAYERS, context
from recipe.phones import OUTPUTS, Forms
from recipe.rebuild_files import write_tables

WIDTH = 16

Arrays = dict[str, NDArray[np.float64]]


@pytest.fixture
def network() -> tuple[Arrays, Arrays]:
    """A small network with random weights, as a checkpoint holds it."""
    rng = np.random.default_rng(1)
    params: Arrays = {}
    stats: Arrays = {
        "input.mean": rng.normal(size=DIMENSION),
        "input.scale": rng.uniform(0.05, 0.2, DIMENSION),
    }
    inputs = DIMENSION
    for i in range(len(LAYERS)):
        params[f"{i}.weight"] = rng.normal(size=(3 * inputs, WIDTH)) / inputs**0.5
        params[f"{i}.gain"] = rng.uniform(0.5, 1, WIDTH)
        params[f"{i}.bias"] = rng.normal(size=WIDTH) * 0.1
        stats[f"{i}.mean"], stats[f"{i}.var"] = rng.normal(size=WIDTH), rng.uniform(0.5, 2, WIDTH)
        inputs = WIDTH
    params["out.weight"] = rng.normal(size=(WIDTH, OUTPUTS))
    params["out.bias"] = rng.normal(size=OUTPUTS)
    return params, stats


def test_the_same_checkpoint_gives_the_same_bytes(network: tuple[Arrays, Arrays]) -> None:
    assert acoustic_model(*network) == acoustic_model(*network)


def test_another_checkpoint_gives_other_bytes(network: tuple[Arrays, Arrays]) -> None:
    params, stats = network
    before = acoustic_model(params, stats)
    assert acoustic_model({**params, "out.bias": params["out.bias"] + 0.1}, stats) != before


def test_vosk_loads_it_with_a_graph_of_any_words(
    network: tuple[Arrays, Arrays], tmp_path: Path
) -> None:
    write(tmp_path, *network)
    forms: dict[str, Forms] = {"yes": {("y", "eh", "s"): 0.0}, "no": {("n", "ow"): 0.0}}
    builder = Builder(forms, Model({"yes": 0.7, "no": 0.7}, {START: {}}, {START: 0.0}), Scales())
    write_tables(tmp_path / "graph", builder)
    recogniser = VoskModel(tmp_path).recogniser(16_000)
    noise = np.random.default_rng(2).integers(-3000, 3000, 32_000).astype(np.int16)
    recogniser.accept(noise.tobytes())
    words = recogniser.finish().words
    assert {word.text for word in words} <= {"yes", "no", "[unk]"}
    for word in words:
        assert 0.0 <= word.start_s < word.end_s <= 2.05


def test_folding_keeps_what_a_layer_computes(network: tuple[Arrays, Arrays]) -> None:
    params, stats = network
    x = np.random.default_rng(3).normal(size=3 * DIMENSION) * 10
    scaled = (x - np.tile(stats["input.mean"], 3)) * np.tile(stats["input.scale"], 3)
    raw = scaled @ params["0.weight"]
    norm = (raw - stats["0.mean"]) / np.sqrt(stats["0.var"] + 1e-5)
    expected = norm * params["0.gain"] + params["0.bias"]
    weight, bias = fold(params, stats)[0]
    assert weight @ x + bias == pytest.approx(expected, abs=1e-3)


def test_a_matrix_in_eight_bits_is_close() -> None:
    values = np.random.default_rng(4).normal(size=(64, 96)).astype(np.float32)
    assert np.abs(decoded(values) - values).max() < 0.05


def decoded(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """What Kaldi reads back (CompressedMatrix, one byte with column headers)."""
    writer = KaldiWriter()
    writer.matrix(values)
    data = bytes(writer.data)[2 + len("CM ") :]
    low, span, rows, columns = struct.unpack_from("<ffii", data)
    marks = np.frombuffer(data, "<u2", 4 * columns, 16).reshape(columns, 4) / 65535 * span + low
    steps = np.frombuffer(data, np.uint8, rows * columns, 16 + 8 * columns).reshape(columns, rows)
    p0, p25, p75, p100 = (marks[:, i, None] for i in range(4))
    steps = steps.astype(float)
    low_part = p0 + (p25 - p0) * steps / 64
    middle = p25 + (p75 - p25) * (steps - 64) / 128
    high = p75 + (p100 - p75) * (steps - 192) / 63
    columnwise: NDArray[np.float64] = np.where(
        steps <= 64, low_part, np.where(steps <= 192, middle, high)
    )
    return columnwise.T


def test_the_context_is_what_the_layers_reach() -> None:
    first, second, *others = LAYERS
    assert (first.stride, second.stride) == (1, 3)
    assert {layer.stride for layer in others} == {1}
    below, above = [first, second], others
    left = -sum(x.offsets[0] for x in below) - 3 * sum(x.offsets[0] for x in above)
    right = sum(x.offsets[2] for x in below) + 3 * sum(x.offsets[2] for x in above)
    assert context() == (left, right)
