"""Training speech of the two quick synthesisers, espeak-ng and flite: `python -m recipe.quick espeak|flite SHARDS`."""

import argparse
import io
import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from recipe import shards
from recipe.compose import Prompt, shard

WORDS_PER_MINUTE = 165
"""The pace of espeak-ng at speed 1."""


def espeak(prompt: Prompt) -> shards.Utterance:
    """One prompt spoken by espeak-ng."""
    voice = ["espeak-ng", "-v", prompt.voice]
    pace = ["-s", str(round(WORDS_PER_MINUTE * prompt.speed)), "-p", str(prompt.pitch)]
    audio = _output([*voice, *pace, "-a", "70", "--stdout", prompt.text])
    phones = _output([*voice, "-q", "--ipa", prompt.text]).decode()
    # The header of a streamed file holds no length, so the samples are read past it.
    samples = np.frombuffer(audio[44 : len(audio) - len(audio) % 2], np.int16)
    return shards.Utterance(prompt, " ".join(phones.split()), _clip(resample_poly(samples, 320, 441)))


def flite(prompt: Prompt) -> shards.Utterance:
    """One prompt spoken by flite."""
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "speech.wav"
        stretch = f"duration_stretch={1 / prompt.speed:.3f}"
        command = ["flite", "-voice", prompt.voice, "--setf", stretch]
        phones = _output([*command, "-ps", "-t", prompt.text, "-o", str(target)]).decode()
        with wave.open(io.BytesIO(target.read_bytes())) as source:
            rate = source.getframerate()
            samples = np.frombuffer(source.readframes(source.getnframes()), np.int16)
    if rate != 16000:
        samples = _clip(resample_poly(samples.astype(np.float32), 16000, rate))
    return shards.Utterance(prompt, " ".join(phones.split()), samples)


def main() -> None:
    """Make the shards that aren't there yet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("engine", choices=("espeak", "flite"))
    parser.add_argument("shards", type=int)
    args = parser.parse_args()
    speak = {"espeak": espeak, "flite": flite}[args.engine]
    seconds = 0.0
    for number in range(args.shards):
        if not shards.path(args.engine, number).exists():
            made = [speak(prompt) for prompt in shard(args.engine, number)]
            shards.save(args.engine, number, made)
            seconds += sum(len(u.samples) for u in made) / 16000
    print(f"{args.engine}: {seconds / 3600:.2f} h of speech made", flush=True)


def _output(command: list[str]) -> bytes:
    return subprocess.run(command, capture_output=True, check=True).stdout


def _clip(samples: np.ndarray) -> np.ndarray:
    return np.clip(np.round(samples), -32768, 32767).astype(np.int16)


if __name__ == "__main__":
    main()
