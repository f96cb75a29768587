"""Training batches are drawn from seeds, in the shares asked for."""

import numpy as np
import pytest

from recipe.examples import FRAMES_PER_BATCH, Data
from recipe.layers import DIMENSION, context

SHORT, LONG = 150, 450


@pytest.fixture
def data() -> Data:
    """Four short examples and two long ones; example i holds features and labels of value i."""
    frames = np.array([SHORT] * 4 + [LONG] * 2)
    phones = np.full(6, 10)
    return Data(
        np.repeat(np.arange(6), frames)[:, None].astype(np.float16)
        * np.ones(DIMENSION, np.float16),
        np.cumsum(frames) - frames,
        frames,
        np.repeat(np.arange(6), phones).astype(np.int8),
        np.cumsum(phones) - phones,
        phones,
        np.array([1.0, 1.0, 2.0, 0.0, 1.0, 1.0]),
    )


def test_the_same_seed_draws_the_same_batch(data: Data) -> None:
    first, second = (data.batch(np.random.default_rng(4)) for _ in range(2))
    for one, other in zip(first, second, strict=True):
        assert np.array_equal(one, other)


def test_each_row_holds_one_example_with_its_labels(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recipe.examples.NOISY", 0.0)
    monkeypatch.setattr("recipe.examples.OTHER_VOICE", 0.0)
    x, labels, counts, steps = data.batch(np.random.default_rng(1))
    assert x.shape[0] * (x.shape[1] - sum(context())) <= FRAMES_PER_BATCH
    for row, label, count, heard in zip(x, labels, counts, steps, strict=True):
        assert count == 10
        assert set(row.ravel()) == {float(label[0])}
        assert set(label[:count]) == {label[0]}
        assert heard == (LONG if label[0] >= 4 else SHORT) // 3


def test_examples_come_as_often_as_their_weight_says(data: Data) -> None:
    drawn, rng = np.zeros(6), np.random.default_rng(2)
    for _ in range(300):
        labels = data.batch(rng)[1][:, 0]
        drawn += np.bincount(labels, minlength=6)
    assert drawn[3] == 0
    assert drawn[2] / drawn[0] == pytest.approx(2, rel=0.25)
    assert drawn[4] / drawn[0] == pytest.approx(1, rel=0.25)
