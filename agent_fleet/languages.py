"""The live models: one per language, loaded once and shared by all speakers of the process."""

import threading
from collections.abc import Mapping
from pathlib import Path

from agent_fleet.vosk_recogniser import VoskModel
from parley.errors import ModelError
from parley.settings import Settings
from parley.telemetry.logs import get_logger

log = get_logger("languages")

PROJECT_MODEL = Path(__file__).parents[1] / "models" / "mini-en" / "model"


class Languages:
    """Loads models when they are first asked for; any thread may ask."""

    def __init__(self, folders: Mapping[str, Path], default: str) -> None:
        """Know these model folders.

        Args:
            folders: model folder per language.
            default: the language of everyone whose own is not known.

        Raises:
            ModelError: there is no model for the default language.
        """
        self._folders = dict(folders)
        if default not in self._folders:
            raise ModelError(
                f"No live model for the default language {default!r}: add it to "
                "PARLEY_LIVE_MODELS or change PARLEY_DEFAULT_LANGUAGE."
            )
        self.default = default
        self._models: dict[str, VoskModel] = {}
        self._lock = threading.Lock()

    @classmethod
    def from_settings(cls, settings: Settings) -> "Languages":
        """The models that the settings name, else the project's own small English one."""
        return cls(settings.live_models or {"en": PROJECT_MODEL}, settings.default_language)

    @property
    def known(self) -> tuple[str, ...]:
        """The languages there are models for."""
        return tuple(self._folders)

    @property
    def loaded(self) -> tuple[str, ...]:
        """The languages whose models are in memory."""
        return tuple(self._models)

    def choose(self, *wishes: str | None) -> str:
        """The first wish there is a model for, else the default; `en-US` is served by `en`."""
        for wish in wishes:
            for name in (wish or "", (wish or "").split("-")[0].lower()):
                if name in self._folders:
                    return name
        return self.default

    def model(self, language: str) -> VoskModel:
        """The model of a known language, loaded now if need be; blocks while it loads.

        Raises:
            ModelError: its folder is not a model that Vosk loads.
        """
        with self._lock:
            if language not in self._models:
                self._models[language] = VoskModel(self._folders[language])
                log.info("live model loaded", language=language)
            return self._models[language]
