"""Train the network on the cached features: `python -m recipe.train NAME [--hours H]`, resumable.

Each batch is drawn from its own seed and the checkpoint in the cache is renewed every few minutes, so the same
command goes on where it stopped and ends at the same weights. `--init OTHER` begins from the weights of another run.
"""

import argparse
import os
import pickle
import time
from functools import partial
from pathlib import Path

os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import jax
import jax.numpy as jnp
import numpy as np
import optax
from optax.contrib import muon

from recipe import network
from recipe.examples import FRAMES_PER_BATCH, Data, load
from recipe.places import CACHE, SEED

SAVE_EVERY = 400
"""Batches between checkpoints."""

SETTLE = 60
"""Batches over which the averaged weights' own statistics are taken, nothing dropped."""

MIX = "kokoro=0.4,kokoro:light=0.45,espeak=0.12,flite=0.03"
"""Share of the examples of each engine; `light` are Kokoro's copies that are disturbed only a little."""

COOLING = 0.5
"""The last part of the training, in which the learning rate falls to nothing."""


def main() -> None:
    """Train, or go on training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--width", type=int, default=320)
    parser.add_argument("--hours", type=float, default=320, help="of speech to see, counted with repetitions")
    parser.add_argument("--mix", default=MIX, help="share of each engine")
    parser.add_argument("--rate", type=float, default=3e-3)
    parser.add_argument("--init", help="another run whose weights to begin from")
    args = parser.parse_args()
    jax.config.update("jax_compilation_cache_dir", str(CACHE / "compiled"))
    data = load({engine: float(share) for engine, share in (part.split("=") for part in args.mix.split(","))})
    steps = int(args.hours * 360000 / FRAMES_PER_BATCH)
    print(f"{len(data.frames)} examples, {data.frames.sum() / 360000:.1f} h, {steps} batches", flush=True)
    optimiser = _optimiser()
    state = _begin(args, data, optimiser)
    update = jax.jit(partial(_update, optimiser))
    forward = jax.jit(partial(network.forward, train=True))
    while state["step"] < steps:
        end = min(steps, state["step"] + SAVE_EVERY)
        state = _advance(state, data, update, [_rate(args.rate, n, steps) for n in range(state["step"], end)])
        state["settled"] = _settled(state, data, forward)
        _save(checkpoint(args.name), state)


def checkpoint(name: str) -> Path:
    """The file of a run's newest weights."""
    return CACHE / "runs" / f"{name}.pickle"


def restore(name: str) -> dict:
    """A run's newest weights: `params`, `stats`, `average`, `settled` (its statistics), `optimiser`, `step`."""
    return pickle.loads(checkpoint(name).read_bytes())


def _begin(args: argparse.Namespace, data: Data, optimiser: optax.GradientTransformation) -> dict:
    if checkpoint(args.name).exists():
        return restore(args.name)
    if args.init:
        other = restore(args.init)
        params, stats = other["average"], other["settled"]
        if stats["0.mean"].shape[0] < args.width:
            params, stats = network.widened(params, stats, jax.random.PRNGKey(SEED), args.width)
    else:
        params, stats = network.initial(jax.random.PRNGKey(SEED), args.width)
        some = data.features[:: max(1, len(data.features) // 400000)].astype(np.float32)
        stats["input.mean"] = jnp.asarray(some.mean(0))
        stats["input.scale"] = jnp.asarray(1 / (some.std(0) + 1e-3))
    return {"params": params, "stats": stats, "average": params, "optimiser": optimiser.init(params), "step": 0}


def _rate(highest: float, step: int, steps: int) -> float:
    """The learning rate: up within 200 batches, flat, and down to nothing at the end."""
    return highest * min(1.0, (step + 1) / 200, (steps - step) / (steps * COOLING))


def _optimiser() -> optax.GradientTransformation:
    """Muon (Jordan and others, 2024) at rate 1: from each example it learns far more than AdamW here."""
    rate = optax.constant_schedule(1.0)
    return optax.chain(optax.clip_by_global_norm(5.0), muon(rate, consistent_rms=0.2, adam_learning_rate=rate))


def _objective(params, stats, key, x, y, counts, steps):
    log_probs, seen = network.forward(params, stats, x, train=True, key=key)
    return network.loss(log_probs, y, counts, steps).sum() / (counts.sum() + 1), seen


def _update(optimiser, params, stats, average, opt_state, rate, key, x, y, counts, steps):
    (loss, seen), grads = jax.value_and_grad(_objective, has_aux=True)(params, stats, key, x, y, counts, steps)
    updates, opt_state = optimiser.update(grads, opt_state, params)
    params = jax.tree.map(lambda p, u: p + rate * u, params, updates)
    stats = {k: 0.995 * v + 0.005 * seen[k] if k in seen else v for k, v in stats.items()}
    average = jax.tree.map(lambda a, p: 0.998 * a + 0.002 * p, average, params)
    return params, stats, average, opt_state, loss


def _advance(state: dict, data: Data, update, rates: list[float]) -> dict:
    values = state["params"], state["stats"], state["average"], state["optimiser"]
    began, losses = time.process_time(), []
    for step, rate in enumerate(rates, state["step"]):
        key = jax.random.fold_in(jax.random.PRNGKey(SEED), step)
        *values, loss = update(*values, rate, key, *data.batch(np.random.default_rng((SEED, step))))
        losses.append(float(loss))
        if (step + 1) % 50 == 0:
            seconds = time.process_time() - began
            print(f"batch {step + 1}: loss a phone {np.mean(losses[-50:]):.3f}, {seconds:.0f} s", flush=True)
    params, stats, average, opt_state = values
    return {"params": params, "stats": stats, "average": average, "optimiser": opt_state, "step": step + 1}


def _settled(state: dict, data: Data, forward) -> dict:
    """The statistics of the averaged weights, over batches of their own."""
    stats, found = state["stats"], []
    for n in range(SETTLE):
        x, *_ = data.batch(np.random.default_rng((SEED, state["step"], n)))
        found.append(forward(state["average"], stats, x)[1])
    return stats | {name: sum(one[name] for one in found) / SETTLE for name in found[0]}


def _save(target: Path, state: dict) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial_file = target.with_suffix(".partial")
    partial_file.write_bytes(pickle.dumps(jax.device_get(state)))
    partial_file.replace(target)


if __name__ == "__main__":
    main()
