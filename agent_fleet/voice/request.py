"""What the assistant is asked to say, and the states such a request goes through."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from enum import StrEnum


class SpeechState(StrEnum):
    """Where a request is; the values are what `tts_status` says. All but the first two end it."""

    QUEUED = "queued"
    SPEAKING = "speaking"
    """Its first sound is on its way to the room."""
    DONE = "done"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """A participant began to speak."""
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to the request."""
        return self not in (SpeechState.QUEUED, SpeechState.SPEAKING)


@dataclass(frozen=True)
class SayRequest:
    """One thing to say.

    Attributes:
        id: the caller's name for it, unique in the room.
        text: plain text, or its sentences as they come to be (an answer that is still being
            written): each is spoken while the next one is awaited. An iterator that raises fails
            the request; it is closed when the request ends early.
        voice: a voice of the engine; else one that fits the language.
        language: BCP 47 tag; else the voice's own.
        speed: pace, 0.5..2.
        from_identity: who asked, empty for the API and the assistant itself.
        interruptible: whether a participant who begins to speak may end it, where the setting
            says `stop`; otherwise it is lowered.
    """

    id: str
    text: str | AsyncIterator[str]
    voice: str | None = None
    language: str | None = None
    speed: float = 1.0
    from_identity: str = ""
    interruptible: bool = True


StatusListener = Callable[[str, SpeechState, str], None]
"""Told `(request id, state, detail)` on the room's loop; the detail is why it failed, or empty."""
