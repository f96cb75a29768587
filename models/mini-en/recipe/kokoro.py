"""Kokoro-82M speech for training, shard by shard, resumable.

`python -m recipe.kokoro SHARDS [--first N] [--step N] [--polite]`: several processes may share the work by
`--first 0 --step 2` and `--first 1 --step 2`. With `--polite` the process waits while others need the machine.
"""

import argparse
import time

import numpy as np
import onnxruntime
from kokoro_onnx import Kokoro
from numpy.typing import NDArray
from scipy.signal import resample_poly

from recipe import shards
from recipe.compose import Prompt, shard
from recipe.places import KOKORO


def load_engine() -> Kokoro:
    """Kokoro on one thread: more speech a core than with more threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        str(KOKORO / "kokoro-v1.0.int8.onnx"), options, providers=["CPUExecutionProvider"]
    )
    return Kokoro.from_session(session, str(KOKORO / "voices-en.npz"))


def speak(engine: Kokoro, prompt: Prompt) -> shards.Utterance:
    """Synthesise one prompt, at 16 kHz."""
    language = "en-gb" if prompt.voice.startswith("b") else "en-us"
    text = prompt.text if prompt.text.endswith("?") else prompt.text + "."
    phones = engine.tokenizer.phonemize(text, language)
    audio, _ = engine.create(
        phones, voice=style_of(engine, prompt.voice), speed=prompt.speed, lang=language, is_phonemes=True
    )
    return shards.Utterance(prompt, phones, to_int16(resample_poly(audio, 2, 3) * 0.7))


def style_of(engine: Kokoro, voice: str) -> NDArray[np.float32]:
    """The style vectors that `Prompt.voice` names: their first half is the sound, the second the manner of speaking."""
    first, _, blend = voice.partition("+")
    style = engine.get_voice_style(first)
    if blend:
        share, _, others = blend.partition("*")
        other, _, manner = others.partition("/")
        style = style * (1 - float(share)) + engine.get_voice_style(other) * float(share)
        if manner:
            half = style.shape[-1] // 2
            style = np.concatenate([style[..., :half], engine.get_voice_style(manner)[..., half:]], -1)
    return style


def to_int16(audio: NDArray[np.float32]) -> NDArray[np.int16]:
    """Samples in -1..1 as int16."""
    return np.clip(np.round(audio * 32767), -32768, 32767).astype(np.int16)


def main() -> None:
    """Make the shards that aren't there yet."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shards", type=int, help="how many there shall be in all")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--step", type=int, default=1)
    parser.add_argument("--polite", action="store_true", help="pause while others compute")
    args = parser.parse_args()
    engine = load_engine()
    for number in range(args.first, args.shards, args.step):
        if shards.path("kokoro", number).exists():
            continue
        started = time.process_time()
        made = []
        for prompt in shard("kokoro", number):
            while args.polite and others_busy():
                time.sleep(5)
            made.append(speak(engine, prompt))
        shards.save("kokoro", number, made)
        seconds = sum(len(u.samples) for u in made) / 16000
        cost = (time.process_time() - started) / seconds
        print(f"kokoro {number:04}: {seconds:.0f} s of speech, RTF {cost:.2f}", flush=True)


def others_busy(share: float = 0.35, watch_s: float = 1.0) -> bool:
    """Whether processes of normal priority used more than `share` of one core just now (Linux)."""
    before = _normal_ticks()
    time.sleep(watch_s)
    return (_normal_ticks() - before) / 100 / watch_s > share


def _normal_ticks() -> int:
    with open("/proc/stat") as stat:
        user, _nice, system = map(int, stat.readline().split()[1:4])
    return user + system


if __name__ == "__main__":
    main()
