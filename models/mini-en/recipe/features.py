"""Augmented features and labels of every shard: `python -m recipe.features COPIES`, resumable, cached.

MFCCs as `layers.MFCC_CONF` asks of the recogniser.
"""

import argparse
import zlib
from pathlib import Path

import kaldi_native_fbank as knf
import numpy as np
from numpy.typing import NDArray

from recipe import shards
from recipe.augment import LIGHT, RATE, Chances, Samples, disturb, without_speech
from recipe.layers import DIMENSION
from recipe.phones import NUMBER, from_engine
from recipe.places import CACHE, FIRST_LIGHT, SEED

ENGINES = ("kokoro", "espeak", "flite")


def mfcc(samples: Samples) -> NDArray[np.float32]:
    """Features of 16 kHz float32 samples in the int16 range: frames x 40."""
    online = knf.OnlineMfcc(_options())
    online.accept_waveform(RATE, samples)
    online.input_finished()
    frames = [online.get_frame(i) for i in range(online.num_frames_ready)]
    return np.stack(frames) if frames else np.zeros((0, DIMENSION), np.float32)


def path(engine: str, shard: int, copy: int) -> Path:
    """The feature file of one augmented copy of a shard."""
    return CACHE / "features" / f"{engine}-{shard:04}-{copy}.npz"


def main() -> None:
    """Make what is missing, whatever shards there are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("copies", type=int, help="augmented copies of each shard")
    parser.add_argument("--first", type=int, default=0, help="copies before this one are left out")
    parser.add_argument("--engine", choices=ENGINES)
    args = parser.parse_args()
    for copy in range(args.first, args.copies):
        for engine in [args.engine] if args.engine else ENGINES:
            for shard in shards.saved(engine):
                if not path(engine, shard, copy).exists():
                    _write(engine, shard, copy)
    print(f"features of {args.copies} copies are there", flush=True)


def _write(engine: str, shard: int, copy: int) -> None:
    seed = zlib.crc32(f"{SEED}/features/{engine}/{shard}/{copy}".encode())
    chances = LIGHT if copy >= FIRST_LIGHT else Chances()
    examples = list(_examples(np.random.default_rng(seed), engine, shard, chances))
    target = path(engine, shard, copy)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}")
    with partial.open("wb") as out:
        np.savez(
            out,
            features=np.concatenate([f for f, _ in examples]).astype(np.float16),
            frames=np.array([len(f) for f, _ in examples]),
            labels=np.concatenate([label for _, label in examples]).astype(np.int8),
            phones=np.array([len(label) for _, label in examples]),
        )
    partial.replace(target)


def _examples(rng: np.random.Generator, engine: str, shard: int, chances: Chances):
    """Features and labels of one copy: one to three utterances at a time, and some without speech."""
    spoken = []
    for utterance in shards.load(engine, shard):
        phones = from_engine(engine, utterance.phones)
        if phones:
            speech = _trimmed(utterance.samples.astype(np.float32))
            spoken.append((speech, np.array([NUMBER[p] for p in phones], np.int8)))
    voices = [speech for speech, _ in spoken]
    order = rng.permutation(len(spoken))
    while len(order):
        take = int(rng.choice((1, 2, 3), p=(0.6, 0.3, 0.1)))
        picked, order = [spoken[i] for i in order[:take]], order[take:]
        pieces = [_pause(rng, 0.05, 0.5)]
        for speech, _ in picked:
            level = 10 ** (rng.uniform(-3, 3) / 20)
            pieces += [speech * np.float32(level), _pause(rng, 0.1, 0.8)]
        x = disturb(rng, np.concatenate(pieces), voices, chances)
        yield mfcc(x), np.concatenate([labels for _, labels in picked])
    for _ in range(2):
        yield mfcc(without_speech(rng, rng.uniform(0.5, 4))), np.zeros(0, np.int8)


def _trimmed(speech: Samples, floor: float = 60.0) -> Samples:
    loud = np.flatnonzero(np.abs(speech) > floor)
    return speech[max(0, loud[0] - 400) : loud[-1] + 800] if len(loud) else speech


def _pause(rng: np.random.Generator, shortest_s: float, longest_s: float) -> Samples:
    return np.zeros(int(rng.uniform(shortest_s, longest_s) * RATE), np.float32)


def _options() -> knf.MfccOptions:
    options = knf.MfccOptions()
    options.frame_opts.samp_freq = RATE
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = 40
    options.mel_opts.low_freq = 20
    options.mel_opts.high_freq = -400
    options.num_ceps = DIMENSION
    options.use_energy = False
    return options


if __name__ == "__main__":
    main()
