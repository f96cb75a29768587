"""Train the network on the cached features: `python -m recipe.train NAME [--epochs N]`, resumable.

The checkpoint of each epoch lies in the cache; the same command goes on from it. `--init OTHER` begins from the
weights of another run, for more data.
"""

import argparse
import os
import pickle
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import jax
import jax.numpy as jnp
import numpy as np
import optax
from numpy.typing import NDArray

from recipe import network
from recipe.layers import context
from recipe.places import CACHE, SEED

BUCKETS = (200, 330, 500, 800, 1300)
"""Longest example of each batch shape, in frames; longer ones are left out."""

FRAMES_PER_BATCH = 15000
LABELS_PER_FRAME = 0.2


@dataclass(frozen=True)
class Data:
    """Examples in memory, sorted into batches of one bucket each.

    Attributes:
        features: All frames one after the other, float16.
        starts: First frame of each example.
        frames: Frames of each example.
        labels: All labels one after the other.
        label_starts: First label of each example.
        phones: Labels of each example.
    """

    features: NDArray[np.float16]
    starts: NDArray[np.int64]
    frames: NDArray[np.int64]
    labels: NDArray[np.int8]
    label_starts: NDArray[np.int64]
    phones: NDArray[np.int64]

    def batches(self, rng: np.random.Generator) -> list[tuple[int, NDArray[np.int64]]]:
        """Shuffled batches: their bucket's frames and the examples."""
        found = []
        low = 0
        for high in BUCKETS:
            inside = (self.frames > low) & (self.frames <= high)
            fits = self.phones <= np.minimum(self.frames // 3 - 2, int(high * LABELS_PER_FRAME))
            members = rng.permutation(np.flatnonzero(inside & fits))
            size = FRAMES_PER_BATCH // high
            found += [(high, members[i : i + size]) for i in range(0, len(members) - size + 1, size)]
            low = high
        return [found[i] for i in rng.permutation(len(found))]

    def batch(self, rng: np.random.Generator, high: int, members: NDArray[np.int64]):
        """Padded features, labels, label counts and steps of a batch, with masks for training."""
        left, right = context()
        x = np.zeros((len(members), high + left + right, self.features.shape[1]), np.float32)
        y = np.zeros((len(members), int(high * LABELS_PER_FRAME)), np.int32)
        for row, i in enumerate(members):
            n, start = self.frames[i], self.starts[i]
            shown = self.features[start : start + n].astype(np.float32)
            if rng.random() < 0.8:
                _mask_times(rng, shown)
            if rng.random() < 0.5:
                _mask_bands(rng, shown)
            x[row] = np.pad(shown, ((left, high - n + right), (0, 0)), mode="edge")
            label = self.labels[self.label_starts[i] : self.label_starts[i] + self.phones[i]]
            y[row, : len(label)] = label
        return x, y, self.phones[members].astype(np.int32), (self.frames[members] + 2) // 3


def load(copies: str = "") -> Data:
    """The cached features.

    Args:
        copies: How many copies to take of each engine's shards, such as `kokoro=4,espeak=1`; all without it.
    """
    files = sorted((CACHE / "features").glob("[a-z]*.npz"))
    if copies:
        most = {engine: int(n) for engine, n in (part.split("=") for part in copies.split(","))}
        named = [(f, *f.stem.split("-")) for f in files]
        files = [f for f, engine, _, copy in named if int(copy) < most.get(engine, 0)]
    parts = [dict(np.load(f)) for f in files]
    frames = np.concatenate([p["frames"] for p in parts]).astype(np.int64)
    phones = np.concatenate([p["phones"] for p in parts]).astype(np.int64)
    return Data(
        np.concatenate([p["features"] for p in parts]),
        np.cumsum(frames) - frames,
        frames,
        np.concatenate([p["labels"] for p in parts]),
        np.cumsum(phones) - phones,
        phones,
    )


def main() -> None:
    """Train, or go on training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--copies", default="", help="such as kokoro=4,espeak=1; else all")
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--init", help="another run whose weights to begin from")
    args = parser.parse_args()
    jax.config.update("jax_compilation_cache_dir", str(CACHE / "compiled"))
    data = load(args.copies)
    hours = data.frames.sum() / 360000
    steps = len(data.batches(np.random.default_rng(0)))
    print(f"{len(data.frames)} examples, {hours:.1f} h, {steps} batches an epoch", flush=True)
    optimiser = _optimiser(args.rate, steps * args.epochs)
    state = _begin(args, data, optimiser)
    update = jax.jit(partial(_update, optimiser))
    while state["epoch"] < args.epochs:
        state = _epoch(state, data, update)
        _save(checkpoint(args.name), state)


def checkpoint(name: str) -> Path:
    """The file of a run's last epoch."""
    return CACHE / "runs" / f"{name}.pickle"


def restore(name: str) -> dict:
    """A run's last epoch: `params`, `stats`, `average`, `optimiser`, `epoch`, `width`."""
    return pickle.loads(checkpoint(name).read_bytes())


def _begin(args: argparse.Namespace, data: Data, optimiser: optax.GradientTransformation) -> dict:
    if checkpoint(args.name).exists():
        return restore(args.name)
    if args.init:
        other = restore(args.init)
        params, stats = other["average"], other["stats"]
    else:
        params, stats = network.initial(jax.random.PRNGKey(SEED), args.width)
        some = data.features[:: max(1, len(data.features) // 400000)].astype(np.float32)
        stats["input.mean"] = jnp.asarray(some.mean(0))
        stats["input.scale"] = jnp.asarray(1 / (some.std(0) + 1e-3))
    return {
        "params": params, "stats": stats, "average": params, "optimiser": optimiser.init(params),
        "epoch": 0, "width": params["0.bias"].shape[0],
    }  # fmt: skip


def _optimiser(rate: float, steps: int) -> optax.GradientTransformation:
    schedule = optax.cosine_onecycle_schedule(steps, rate, 0.1, 25, 200)
    return optax.chain(optax.clip_by_global_norm(5.0), optax.adamw(schedule, weight_decay=1e-2))


def _objective(params, stats, x, y, counts, steps):
    log_probs, seen = network.forward(params, stats, x, train=True)
    return network.loss(log_probs, y, counts, steps).sum() / (counts.sum() + 1), seen


def _update(optimiser, params, stats, average, opt_state, x, y, counts, steps):
    (loss, seen), grads = jax.value_and_grad(_objective, has_aux=True)(params, stats, x, y, counts, steps)
    updates, opt_state = optimiser.update(grads, opt_state, params)
    params = optax.apply_updates(params, updates)
    stats = {k: 0.99 * v + 0.01 * seen[k] if k in seen else v for k, v in stats.items()}
    average = jax.tree.map(lambda a, p: 0.998 * a + 0.002 * p, average, params)
    return params, stats, average, opt_state, loss


def _epoch(state: dict, data: Data, update) -> dict:
    rng = np.random.default_rng((SEED, state["epoch"]))
    values = state["params"], state["stats"], state["average"], state["optimiser"]
    if state["epoch"] == 0:
        values = state["params"], state["stats"], state["params"], state["optimiser"]
    began, losses = time.time(), []
    batches = data.batches(rng)
    for n, (high, members) in enumerate(batches, 1):
        *values, loss = update(*values, *data.batch(rng, high, members))
        losses.append(float(loss))
        if n % 100 == 0 or n == len(batches):
            print(
                f"epoch {state['epoch'] + 1}, batch {n}/{len(batches)}:"
                f" loss a phone {np.mean(losses[-100:]):.3f}, {time.time() - began:.0f} s",
                flush=True,
            )
    params, stats, average, opt_state = values
    return {
        **state, "params": params, "stats": stats, "average": average, "optimiser": opt_state,
        "epoch": state["epoch"] + 1,
    }  # fmt: skip


def _save(target: Path, state: dict) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial_file = target.with_suffix(".partial")
    partial_file.write_bytes(pickle.dumps(jax.device_get(state)))
    partial_file.replace(target)


def _mask_times(rng: np.random.Generator, x: NDArray[np.float32]) -> None:
    """Overwrite up to two short stretches with the example's mean."""
    for _ in range(2):
        width = int(rng.integers(0, 9))
        start = int(rng.integers(0, max(1, len(x) - width)))
        x[start : start + width] = x.mean(0)


def _mask_bands(rng: np.random.Generator, x: NDArray[np.float32]) -> None:
    """Flatten some neighbouring mel bands to their mean: cepstra to bands, mask, and back."""
    to_bands, to_cepstra = _transforms()
    width = int(rng.integers(1, 8))
    low = int(rng.integers(0, 40 - width))
    band = to_bands[low : low + width]
    levels = x @ band.T
    x += (levels.mean(0) - levels) @ to_cepstra[:, low : low + width].T


def _transforms() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    if not _CACHED:
        n, k = np.arange(40), np.arange(40)[:, None]
        dct = np.sqrt(2 / 40) * np.cos(np.pi / 40 * (n + 0.5) * k)
        dct[0] = np.sqrt(1 / 40)
        lifter = 1 + 0.5 * 22 * np.sin(np.pi * np.arange(40) / 22)
        forward = lifter[:, None] * dct
        _CACHED.append((np.linalg.inv(forward).astype(np.float32), forward.astype(np.float32)))
    return _CACHED[0]


_CACHED: list[tuple[NDArray[np.float32], NDArray[np.float32]]] = []

if __name__ == "__main__":
    main()
