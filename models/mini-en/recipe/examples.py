"""The cached features as training batches, each drawn from its own seed."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from recipe.cepstra import with_noise, with_other_voice
from recipe.layers import context
from recipe.places import CACHE, FIRST_LIGHT

BUCKETS = (200, 330, 500, 800, 1300)
"""Longest example of each batch shape, in frames; longer ones are left out."""

FRAMES_PER_BATCH = 8000
NOISY = 0.4
"""Share of the examples that get steady noise besides what their copy has."""

OTHER_VOICE = 0.6
"""Share of the examples whose voice and microphone are changed."""

LABELS_PER_FRAME = 0.2


@dataclass(frozen=True)
class Bucket:
    """Examples of like length.

    Attributes:
        frames: The longest that fits.
        members: Their numbers.
        heap: Running sum of their weights.
        share: How often to make a batch of them, next to the other buckets.
    """

    frames: int
    members: NDArray[np.int64]
    heap: NDArray[np.float64]
    share: float


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
        weights: How often to draw each example, next to the others.
    """

    features: NDArray[np.float16]
    starts: NDArray[np.int64]
    frames: NDArray[np.int64]
    labels: NDArray[np.int8]
    label_starts: NDArray[np.int64]
    phones: NDArray[np.int64]
    weights: NDArray[np.float64]

    @cached_property
    def buckets(self) -> list[Bucket]:
        """The examples by length."""
        found, low = [], 0
        for high in BUCKETS:
            inside = (self.frames > low) & (self.frames <= high)
            fits = self.phones <= np.minimum(self.frames // 3 - 2, int(high * LABELS_PER_FRAME))
            members = np.flatnonzero(inside & fits)
            if len(members):
                weights = self.weights[members]
                found.append(
                    Bucket(high, members, np.cumsum(weights), float(weights.sum()) / (FRAMES_PER_BATCH // high))
                )
            low = high
        return found

    def batch(self, rng: np.random.Generator):
        """Padded features, labels, label counts and steps of a random batch."""
        shares = np.array([bucket.share for bucket in self.buckets])
        bucket = self.buckets[rng.choice(len(shares), p=shares / shares.sum())]
        high, heap = bucket.frames, bucket.heap
        picked = bucket.members[np.searchsorted(heap, rng.random(FRAMES_PER_BATCH // high) * heap[-1])]
        left, right = context()
        x = np.zeros((len(picked), high + left + right, self.features.shape[1]), np.float32)
        y = np.zeros((len(picked), int(high * LABELS_PER_FRAME)), np.int32)
        for row, i in enumerate(picked):
            n, start = self.frames[i], self.starts[i]
            shown = self.features[start : start + n].astype(np.float32)
            if rng.random() < OTHER_VOICE:
                shown = with_other_voice(rng, shown)
            if rng.random() < NOISY:
                shown = with_noise(rng, shown)
            x[row] = np.pad(shown, ((left, high - n + right), (0, 0)), mode="edge")
            y[row, : self.phones[i]] = self.labels[self.label_starts[i] : self.label_starts[i] + self.phones[i]]
        return x, y, self.phones[picked].astype(np.int32), (self.frames[picked] + 2) // 3


def load(mix: dict[str, float]) -> Data:
    """The cached features.

    Args:
        mix: Share of the frames to draw from each engine; `kokoro:light` are its copies disturbed only a little,
            `kokoro` the others.
    """
    parts, weights = [], []
    for source, share in mix.items():
        engine, _, light = source.partition(":")
        files = sorted((CACHE / "features").glob(f"{engine}-*.npz"))
        files = [f for f in files if (int(f.stem.split("-")[2]) >= FIRST_LIGHT) == bool(light)]
        found = [dict(np.load(f)) for f in files]
        frames = sum(int(p["frames"].sum()) for p in found)
        parts += found
        weights += [np.full(len(p["frames"]), share / frames) for p in found]
    frames = np.concatenate([p["frames"] for p in parts]).astype(np.int64)
    phones = np.concatenate([p["phones"] for p in parts]).astype(np.int64)
    return Data(
        np.concatenate([p["features"] for p in parts]),
        np.cumsum(frames) - frames,
        frames,
        np.concatenate([p["labels"] for p in parts]),
        np.cumsum(phones) - phones,
        phones,
        np.concatenate(weights),
    )
