"""Speech models: what Parley knows by name, where they are kept, how they are fetched."""

from parley.models.catalogue import (
    CATALOGUE,
    DEFAULT_FINAL,
    DEFAULT_LIVE,
    DEFAULT_VOICE,
    Model,
)
from parley.models.paths import models_dir, speech_dir
from parley.models.sources import Progress
from parley.models.store import ModelStatus, ensure, list_models, locate, pull

__all__ = [
    "CATALOGUE",
    "DEFAULT_FINAL",
    "DEFAULT_LIVE",
    "DEFAULT_VOICE",
    "Model",
    "ModelStatus",
    "Progress",
    "ensure",
    "list_models",
    "locate",
    "models_dir",
    "pull",
    "speech_dir",
]
