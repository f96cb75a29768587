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
    """The engine has no such voice.

    Attributes:
        voice: the name that was asked for.
        near: names that look like it, the nearest first.
    """

    code = "unknown-voice"

    def __init__(self, voice: str, known: Iterable[str]) -> None:
        """Keep the name and find the near ones among the known."""
        self.voice = voice
        self.near = difflib.get_close_matches(voice, list(known), n=4, cutoff=0.4)
        hint = f" Near ones: {', '.join(self.near)}." if self.near else ""
        super().__init__(f"There is no voice called {voice}.{hint}")
