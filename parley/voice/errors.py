"""What a speech engine refuses, and why."""

import difflib
from collections.abc import Iterable

from parley.errors import BadInputError, SetupError


class EngineMissingError(SetupError):
    """The engine's packages or model aren't on this machine; the message says how to get them."""

    code = "speech-engine-missing"


class SpeechTextError(BadInputError):
    """The text or the speed can't be spoken."""

    code = "speech-text"


class UnknownVoiceError(BadInputError):
    """The engine has no such voice, or none that speaks the language.

    Attributes:
        wanted: the voice or language that was asked for.
        near: names that look like it, the nearest first.
    """

    code = "unknown-voice"

    def __init__(self, wanted: str, known: Iterable[str], *, language: bool = False) -> None:
        """Keep the name and find the near ones among the known voices (or languages)."""
        self.wanted = wanted
        self.near = difflib.get_close_matches(wanted, sorted(set(known)), n=4, cutoff=0.4)
        hint = f" Near ones: {', '.join(self.near)}." if self.near else ""
        what = f"There is no voice {'for' if language else 'called'} {wanted}."
        super().__init__(what + hint)
