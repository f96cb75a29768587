"""When each word of a rendered line is spoken: found by the live recogniser's own model."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import jiwer
import numpy as np
from numpy.typing import NDArray

from parley.audio.resample import resample, to_float32, to_int16
from parley.models import DEFAULT_LIVE, ensure
from parley_cli.demo.wer import normalise

_RATE = 16_000
_PAD_S = 0.5
_STEP_S = 0.01
_SPEECH_DB = 30.0
"""A step is speech when it is at most so far below the loudest step."""


@dataclass(frozen=True)
class Word:
    """A word as it is written, and where it lies in its line, in ms from its first sample."""

    text: str
    start_ms: int
    end_ms: int


def speech_bounds(samples: NDArray[np.int16], rate: int) -> tuple[int, int]:
    """First and one-past-last sample of speech: 10-ms steps within 30 dB of the loudest."""
    step = int(rate * _STEP_S)
    blocks = samples[: len(samples) // step * step].astype(np.float64).reshape(-1, step)
    rms = np.sqrt((blocks**2).mean(axis=1))
    loud = np.flatnonzero(rms >= rms.max() * 10 ** (-_SPEECH_DB / 20))
    return int(loud[0]) * step, (int(loud[-1]) + 1) * step


class Aligner:
    """Finds the words of lines; holds one loaded recogniser model."""

    def __init__(self) -> None:
        """Load the project's own live model."""
        import vosk

        vosk.SetLogLevel(-1)
        self._new = vosk.KaldiRecognizer
        self._model = vosk.Model(str(ensure(DEFAULT_LIVE)))

    def align(self, text: str, samples: NDArray[np.int16], rate: int) -> tuple[Word, ...]:
        """The words of a line with their times.

        Args:
            text: what is spoken.
            samples: int16, mono, shape (n,): the line.
            rate: its rate in Hz.

        Returns:
            One entry a written word. Words that were recognised have the recogniser's times, the
            others share the time between their neighbours by their letters. The first begins
            and the last ends with the sound itself. Within about 50 ms of Whisper's alignment.
        """
        begin, end = (position * 1000 / rate for position in speech_bounds(samples, rate))
        written = [word for word in text.split() if normalise(word)]
        spoken = [normalise(word) for word in written]
        heard = self._recognise(samples, rate)
        anchors = _anchors(spoken, heard)
        times = _fill(spoken, anchors, begin, end)
        return tuple(
            Word(word, round(first), round(last))
            for word, (first, last) in zip(written, times, strict=True)
        )

    def _recognise(self, samples: NDArray[np.int16], rate: int) -> list[dict[str, Any]]:
        audio = to_int16(resample(to_float32(samples), rate, _RATE))
        silence = np.zeros(int(_PAD_S * _RATE), np.int16)
        recogniser = self._new(self._model, _RATE)
        recogniser.SetWords(True)
        found: list[dict[str, Any]] = []
        padded = np.concatenate([silence, audio, silence])
        for at in range(0, len(padded), _RATE // 5):
            if recogniser.AcceptWaveform(padded[at : at + _RATE // 5].tobytes()):
                found += json.loads(recogniser.Result()).get("result", [])
        found += json.loads(recogniser.FinalResult()).get("result", [])
        return found


def _anchors(
    spoken: Sequence[str], heard: Sequence[dict[str, Any]]
) -> dict[int, tuple[float, float]]:
    """Times in ms of the spoken words that the recogniser heard, by position."""
    if not spoken or not heard:
        return {}
    out = jiwer.process_words(
        " ".join(word.replace(" ", "_") for word in spoken),
        " ".join(str(word["word"]) for word in heard),
    )
    found = {}
    for chunk in out.alignments[0]:
        if chunk.type == "equal":
            for ahead in range(chunk.ref_end_idx - chunk.ref_start_idx):
                word = heard[chunk.hyp_start_idx + ahead]
                found[chunk.ref_start_idx + ahead] = (
                    (word["start"] - _PAD_S) * 1000,
                    (word["end"] - _PAD_S) * 1000,
                )
    return found


def _fill(
    spoken: Sequence[str], anchors: dict[int, tuple[float, float]], begin: float, end: float
) -> list[tuple[float, float]]:
    """Times of all words: anchors kept in bounds and order, the rest shared out by letters."""
    times: list[tuple[float, float]] = []
    position = 0
    while position < len(spoken):
        after = times[-1][1] if times else begin
        if position in anchors:
            first, last = (min(max(ms, after), end) for ms in anchors[position])
            times.append((first, last))
            position += 1
            continue
        upto = next((p for p in range(position, len(spoken)) if p in anchors), len(spoken))
        until = max(min(anchors[upto][0], end), after) if upto in anchors else end
        letters = [len(word) for word in spoken[position:upto]]
        edges = after + np.cumsum([0, *letters]) / sum(letters) * (until - after)
        times += [(float(a), float(b)) for a, b in pairwise(edges)]
        position = upto
    if times:
        times[0] = (begin, times[0][1])
        times[-1] = (times[-1][0], end)
    return times
