"""The live models: one per language, loaded once and shared by all speakers of the process.

Recognisers are pooled: one of a large model takes a second of CPU for its first chunks and gets
three times faster with use, and keeps that after `finish`.
"""

import resource
import threading
from collections.abc import Mapping
from pathlib import Path

from agent_fleet.frames import SAMPLE_RATE
from agent_fleet.vosk_recogniser import VoskModel, VoskRecogniser
from parley.errors import ModelError
from parley.settings import Settings
from parley.telemetry.logs import get_logger

log = get_logger("languages")

PROJECT_MODEL = Path(__file__).parents[1] / "models" / "mini-en" / "model"
_MAX_POOLED = 8
"""Free recognisers kept per language: one of a large model holds up to 100 MB."""


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
        self._memory: dict[str, int] = {}
        self._free: dict[str, list[VoskRecogniser]] = {}
        self._lock = threading.Lock()
        self._loading = {language: threading.Lock() for language in self._folders}

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

    def memory(self) -> dict[str, int]:
        """By how many bytes the process grew when each model was loaded."""
        return dict(self._memory)

    def find(self, wish: str | None) -> str | None:
        """The language that serves a wish (`en-US` is served by `en`), or None."""
        for name in (wish or "", (wish or "").split("-")[0].lower()):
            if name in self._folders:
                return name
        return None

    def choose(self, *wishes: str | None) -> str:
        """The first wish that can be served, else the default."""
        return next((found for wish in wishes if (found := self.find(wish))), self.default)

    def model(self, language: str) -> VoskModel:
        """The model of a known language, loaded now if need be; blocks while it loads.

        Raises:
            ModelError: its folder is not a model that Vosk loads.
        """
        with self._loading[language]:  # loading one does not stall the speakers of another
            if language not in self._models:
                before = _resident_bytes()
                self._models[language] = VoskModel(self._folders[language])
                self._memory[language] = max(0, _resident_bytes() - before)
                log.info("live model loaded", language=language)
            return self._models[language]

    def warm(self, language: str, count: int = 1) -> None:
        """Have so many recognisers ready that have worked before; blocks, for seconds."""
        taken = [self.take(language) for _ in range(count)]
        for recogniser in taken:
            recogniser.accept(bytes(2 * SAMPLE_RATE))
            recogniser.finish()
        for recogniser in taken:
            self.give_back(language, recogniser)

    def take(self, language: str) -> VoskRecogniser:
        """A recogniser that nobody uses, between two utterances."""
        with self._lock:
            free = self._free.get(language)
            if free:
                return free.pop()
        return self.model(language).recogniser(SAMPLE_RATE)

    def give_back(self, language: str, recogniser: VoskRecogniser) -> None:
        """This recogniser finished its last utterance and is free; never one that failed."""
        with self._lock:
            free = self._free.setdefault(language, [])
            if len(free) < _MAX_POOLED:
                free.append(recogniser)


def _resident_bytes() -> int:
    """The process's memory; where Linux's /proc is missing, its peak."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
