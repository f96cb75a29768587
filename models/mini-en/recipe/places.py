"""Where the recipe keeps what it makes: sources in the checkout, speech and checkpoints in a cache outside it."""

import os
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
TEXT = HERE / "text"
MODEL = HERE / "model"
CACHE = Path(os.environ.get("PARLEY_TRAIN_CACHE", "~/.cache/parley/train")).expanduser()
KOKORO = Path(os.environ.get("PARLEY_KOKORO_DIR", "~/.cache/parley/models/kokoro")).expanduser()
SEED = 20260801
"""Every random choice of the recipe starts from this number and a name."""

HELD_OUT_KOKORO = ("af_sarah", "am_eric", "bf_lily", "bm_lewis")
"""Kokoro voices that no training utterance uses, not even in a blend."""

HELD_OUT_ESPEAK = ("en-us+f4", "en-us+m8", "en-gb+f1", "en-gb+m5")
"""espeak-ng voice and variant pairs that no training utterance uses."""

FIRST_LIGHT = 4
"""Copies of the speech numbered so and above are disturbed only a little."""
