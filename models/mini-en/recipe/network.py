"""The acoustic network: a small TDNN over MFCCs that names one phone or the blank every 30 ms.

Each layer looks at three points of the layer below; layers of equal width add their middle input before the ReLU.
`export` writes all of it with plain affine layers and sums, so the recogniser needs nothing special.
"""

import jax
import jax.numpy as jnp

from recipe.layers import DIMENSION, FIRST_SUM, LAYERS
from recipe.phones import OUTPUTS

Array = jax.Array
Tree = dict[str, Array]


def initial(key: Array, width: int) -> tuple[Tree, Tree]:
    """Random parameters, and the running statistics of the normalisations."""
    params: Tree = {}
    stats: Tree = {"input.mean": jnp.zeros(DIMENSION), "input.scale": jnp.ones(DIMENSION)}
    inputs = DIMENSION
    for i, _ in enumerate(LAYERS):
        key, part = jax.random.split(key)
        params[f"{i}.weight"] = jax.random.normal(part, (3 * inputs, width)) * (2 / (3 * inputs)) ** 0.5
        params[f"{i}.gain"] = jnp.ones(width) * (1.0 if i < 2 else 0.5)
        params[f"{i}.bias"] = jnp.zeros(width)
        stats[f"{i}.mean"], stats[f"{i}.var"] = jnp.zeros(width), jnp.ones(width)
        inputs = width
    params["out.weight"] = jax.random.normal(key, (width, OUTPUTS)) * 0.01
    params["out.bias"] = jnp.zeros(OUTPUTS).at[0].set(1.0)
    return params, stats


DROPPED = 0.1
"""Share of a layer's outputs that an example goes without while training."""


def widened(params: Tree, stats: Tree, key: Array, width: int) -> tuple[Tree, Tree]:
    """A wider network that computes the same: its new units are random, and nothing listens to them yet.

    Args:
        params: Weights of the narrower network.
        stats: Its running statistics.
        key: Source of the new units.
        width: Outputs of each layer.
    """
    wide, wide_stats = initial(key, width)
    for name, random in wide.items():
        old = params[name]
        if name.endswith("weight") and name != "0.weight":
            taps = 1 if name.startswith("out") else 3
            narrow = old.shape[0] // taps
            blocks = random.reshape(taps, width, -1).at[:, :, : old.shape[1]].set(0.0)
            blocks = blocks.at[:, :narrow, : old.shape[1]].set(old.reshape(taps, narrow, -1))
            wide[name] = blocks.reshape(random.shape)
        else:
            wide[name] = random.at[..., : old.shape[-1]].set(old)
    for name, one in wide_stats.items():
        wide_stats[name] = one.at[: stats[name].shape[0]].set(stats[name])
    return wide, wide_stats


def forward(params: Tree, stats: Tree, x: Array, train: bool, key: Array | None = None) -> tuple[Array, Tree]:
    """Log-probabilities of the outputs.

    Args:
        params: Weights.
        stats: Running statistics; used as they are when not training.
        x: Features, batch x frames x 40, already padded by `context()`.
        train: Whether the batch's own statistics normalise (and are returned).
        key: Where given, each example goes without some outputs of each layer, chosen by it.

    Returns:
        batch x steps x outputs, and the statistics seen.
    """
    seen: Tree = {}
    x = (x - stats["input.mean"]) * stats["input.scale"]
    for i, layer in enumerate(LAYERS):
        low, _, high = layer.offsets
        length = x.shape[1] - (high - low)
        taps = [x[:, o - low : o - low + length : layer.stride] for o in layer.offsets]
        y = jnp.concatenate(taps, -1) @ params[f"{i}.weight"]
        if train:
            mean, var = y.mean((0, 1)), y.var((0, 1))
            seen[f"{i}.mean"], seen[f"{i}.var"] = mean, var
        else:
            mean, var = stats[f"{i}.mean"], stats[f"{i}.var"]
        y = (y - mean) * (params[f"{i}.gain"] / jnp.sqrt(var + 1e-5)) + params[f"{i}.bias"]
        x = jax.nn.relu(y + taps[1] if i >= FIRST_SUM else y)
        if key is not None:
            kept = jax.random.bernoulli(jax.random.fold_in(key, i), 1 - DROPPED, (x.shape[0], 1, x.shape[2]))
            x = x * (kept / (1 - DROPPED))
    return jax.nn.log_softmax(x @ params["out.weight"] + params["out.bias"]), seen


def loss(log_probs: Array, labels: Array, label_counts: Array, steps: Array) -> Array:
    """Selfless CTC: each phone takes exactly one step, blanks fill the rest.

    The topology is `selfless-CTC` of Laptev, Majumdar and Ginsburg, CTC Variations Through New WFST Topologies
    (2022). It halves the decoding graph, as no phone needs a blank state.

    Args:
        log_probs: batch x steps x outputs.
        labels: batch x most labels, padded with anything.
        label_counts: Labels of each example.
        steps: Valid steps of each example.

    Returns:
        Negative log-likelihood of each example; examples with too few steps give 0.
    """
    batch, most = labels.shape
    blank = log_probs[:, :, 0].T
    index = jnp.broadcast_to(labels[:, None, :], (batch, log_probs.shape[1], most))
    emit = jnp.take_along_axis(log_probs, index, 2).transpose(1, 0, 2)
    start = jnp.full((batch, most + 1), -1e30).at[:, 0].set(0.0)
    never = jnp.full((batch, 1), -1e30)

    def step(alpha: Array, seen: tuple[Array, Array, Array]) -> tuple[Array, None]:
        stay, move, time = seen
        moved = jnp.concatenate([never, alpha[:, :-1] + move], 1)
        after = jnp.logaddexp(alpha + stay[:, None], moved)
        return jnp.where((time < steps)[:, None], after, alpha), None

    alpha, _ = jax.lax.scan(step, start, (blank, emit, jnp.arange(log_probs.shape[1])))
    total = -jnp.take_along_axis(alpha, label_counts[:, None], 1)[:, 0]
    return jnp.where(total < 1e20, total, 0.0)
