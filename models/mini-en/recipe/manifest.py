"""What the model was made of: `python -m recipe.manifest` writes `manifest.json`.

It names the seed, the hash of each source text, and for each shard of speech the hash of its prompts and of its
audio, so that a later run can tell whether it speaks the same. The audio itself isn't committed. The files of the
model are listed with their hashes too.
"""

import hashlib
import json
from pathlib import Path

from recipe.places import HELD_OUT_ESPEAK, HELD_OUT_KOKORO, HERE, MODEL, SEED, TEXT

MANIFEST = HERE / "manifest.json"
ENGINES = ("kokoro", "espeak", "flite")


def write() -> None:
    """Write the manifest of the cached speech and the model that lies in `model/`."""
    speech = {engine: _speech(engine) for engine in ENGINES}
    if not any(engine["shards"] for engine in speech.values()) and MANIFEST.exists():
        speech = json.loads(MANIFEST.read_text())["speech"]  # rebuilt without the speech at hand
    content = {
        "seed": SEED,
        "held_out_voices": [*HELD_OUT_KOKORO, *HELD_OUT_ESPEAK],
        "text": text_files(),
        "speech": speech,
        "model": model_files(),
    }
    MANIFEST.write_text(json.dumps(content, indent=1) + "\n")


def text_files() -> dict[str, str]:
    """Hash of each source text, by its path."""
    return {path.relative_to(TEXT).as_posix(): sha256(path) for path in sorted(TEXT.rglob("*.txt"))}


def model_files() -> dict[str, str]:
    """Hash of each file of the model, by its path."""
    files = sorted(path for path in MODEL.rglob("*") if path.is_file())
    return {path.relative_to(MODEL).as_posix(): sha256(path) for path in files}


def sha256(path: Path) -> str:
    """Hash of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _speech(engine: str) -> dict:
    from recipe import shards  # the training environment's

    rows = []
    seconds = 0.0
    for number in shards.saved(engine):
        audio = shards.path(engine, number)
        texts = json.loads(audio.with_suffix(".json").read_text())
        seconds += sum(row["samples"] for row in texts) / 16000
        prompts = "\n".join(f"{r['voice']} {r['speed']} {r['pitch']} {r['text']}" for r in texts)
        spoken = hashlib.sha256(prompts.encode()).hexdigest()
        rows.append(f"{number} {spoken[:16]} {sha256(audio)[:16]}")
    return {"hours": round(seconds / 3600, 2), "shards": rows}


def main() -> None:
    """Write the file."""
    write()


if __name__ == "__main__":
    main()
