"""What was heard of one speaker, with times in samples since the track's first frame."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HeardWord:
    """One word and where it was said."""

    text: str
    start: int
    end: int
    confidence: float


@dataclass(frozen=True, slots=True)
class Heard:
    """The open utterance so far, or a finished one.

    Attributes:
        final: whether the utterance is finished.
        text: its words so far; empty and final means that nothing was said after all.
        start: where its first word begins; where it was opened, while it is open.
        end: where its last word ends; how far was listened, while it is open.
        words: its words, once it is finished.
    """

    final: bool
    text: str
    start: int
    end: int
    words: tuple[HeardWord, ...] = ()
