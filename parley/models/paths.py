"""Where fetched models and rendered speech are kept on this machine."""

from pathlib import Path

from parley.settings import load_settings


def models_dir() -> Path:
    """The folder that holds one folder per fetched model: `PARLEY_CACHE_DIR/models`."""
    return load_settings().cache / "models"


def speech_dir() -> Path:
    """The folder that holds rendered speech, one file per text, voice and engine."""
    return load_settings().cache / "speech"
