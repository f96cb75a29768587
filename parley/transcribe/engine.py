"""What a final transcriber is: mono 16-kHz samples in, utterances with timed words out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
"""Rate of the samples that a transcriber takes, in Hz."""


@dataclass(frozen=True)
class TimedWord:
    """One word with its punctuation; times in ms from the first sample, probability in 0..1."""

    text: str
    start_ms: int
    end_ms: int
    probability: float


@dataclass(frozen=True)
class Utterance:
    """Words that were spoken without a long pause; at least one."""

    words: tuple[TimedWord, ...]

    @property
    def text(self) -> str:
        """The words as a sentence."""
        return " ".join(word.text for word in self.words)


class Transcriber(Protocol):
    """A loaded model; its calls block and may be made from any thread, one at a time."""

    def transcribe(
        self, samples: NDArray[np.float32], language: str | None = None
    ) -> list[Utterance]:
        """What is said in the audio, in order; nothing for silence or noise.

        Args:
            samples: float32, shape (n,), in -1..1, at `SAMPLE_RATE`.
            language: the speaker's language; None lets the model detect it.

        Raises:
            TranscriberError: the model failed on this audio.
        """
        ...


def split_at_pauses(words: Sequence[TimedWord], pause_ms: int) -> list[Utterance]:
    """Cut a run of words into utterances where two words are at least so far apart."""
    utterances: list[Utterance] = []
    run: list[TimedWord] = []
    for word in words:
        if run and word.start_ms - run[-1].end_ms >= pause_ms:
            utterances.append(Utterance(tuple(run)))
            run = []
        run.append(word)
    if run:
        utterances.append(Utterance(tuple(run)))
    return utterances
