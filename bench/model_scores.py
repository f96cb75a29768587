"""How well a recogniser heard a set of clips: word errors, delays, worth of its confidence."""

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import jiwer
from num2words import num2words

from agent_fleet.vosk_recogniser import RecognisedWord, VoskModel
from bench.model_speech import RATE, Clip, words

CHUNK = 1_600
"""Samples given to the recogniser at a time: 100 ms, as the fleet does under load."""


@dataclass
class Heard:
    """What a recogniser made of a set of clips.

    Attributes:
        references: Words said in each clip.
        hypotheses: Words heard in each clip.
        words: With their confidence, in the order of the hypotheses; empty for Whisper.
        partial_delays_s: From each word's end to the first partial result that shows it.
        cpu_s: Processor time spent.
        audio_s: Length of the audio.
    """

    references: list[tuple[str, ...]] = field(default_factory=list)
    hypotheses: list[tuple[str, ...]] = field(default_factory=list)
    words: list[list[RecognisedWord]] = field(default_factory=list)
    partial_delays_s: list[float] = field(default_factory=list)
    cpu_s: float = 0.0
    audio_s: float = 0.0

    @property
    def reference_words(self) -> int:
        """Words said."""
        return sum(map(len, self.references))

    @property
    def heard_words(self) -> int:
        """Words heard, right or wrong."""
        return sum(map(len, self.hypotheses))

    @property
    def wer(self) -> float:
        """Word error rate in percent."""
        return 100 * jiwer.wer(*self._texts())

    def correct(self) -> list[tuple[float, bool]]:
        """Confidence of each heard word, and whether it is right."""
        alignment = jiwer.process_words(*self._texts()).alignments
        judged = []
        for chunks, heard in zip(alignment, self.words, strict=True):
            right = [False] * len(heard)
            for chunk in chunks:
                if chunk.type == "equal":
                    for i in range(chunk.hyp_start_idx, chunk.hyp_end_idx):
                        right[i] = True
            judged += [(word.confidence, ok) for word, ok in zip(heard, right, strict=True)]
        return judged

    def _texts(self) -> tuple[list[str], list[str]]:
        return [" ".join(r) for r in self.references], [" ".join(h) for h in self.hypotheses]


def by_vosk(model: VoskModel, clips: Sequence[Clip], delays: bool = False) -> Heard:
    """Stream each clip through a fresh recogniser."""
    heard = Heard()
    for clip in clips:
        began = time.process_time()
        found, partials = _stream(model, clip, delays)
        heard.cpu_s += time.process_time() - began
        heard.audio_s += len(clip.samples) / RATE
        heard.references.append(clip.words)
        heard.hypotheses.append(tuple(word.text for word in found))
        heard.words.append(found)
        if delays:
            heard.partial_delays_s += _delays(found, partials)
    return heard


def by_whisper(transcribe: Callable[[Clip], str], clips: Sequence[Clip]) -> Heard:
    """Each clip as one file."""
    heard = Heard()
    for clip in clips:
        began = time.process_time()
        text = transcribe(clip)
        heard.cpu_s += time.process_time() - began
        heard.audio_s += len(clip.samples) / RATE
        heard.references.append(clip.words)
        heard.hypotheses.append(spoken(text))
    return heard


def spoken(text: str) -> tuple[str, ...]:
    """Written text as the words that are spoken: digits, money and per cent written out."""
    text = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace(",000", "000")
    text = re.sub(r"(\d),(\d{3})", r"\1\2", text)
    text = re.sub(r"[$£€](\d+)", lambda m: f"{m[1]} {_MONEY[m[0][0]]}", text)
    text = text.replace("%", " percent")
    text = re.sub(r"(\d+)(?:st|nd|rd|th)\b", lambda m: num2words(int(m[1]), to="ordinal"), text)
    text = re.sub(r"\b(19|20)(\d\d)\b", lambda m: num2words(int(m[0]), to="year"), text)
    text = re.sub(r"\d+", lambda m: f" {num2words(int(m[0]))} ", text)
    return words(text.replace("-", " "))


def size_mb(model: VoskModel) -> float:
    """Bytes of the model's files, in MB."""
    return sum(f.stat().st_size for f in model.path.rglob("*") if f.is_file()) / 1e6


_MONEY = {"$": "dollars", "£": "pounds", "€": "euros"}


def _stream(
    model: VoskModel, clip: Clip, partials_too: bool
) -> tuple[list[RecognisedWord], list[tuple[float, int]]]:
    """Final words, and how many words had been seen by which stream time."""
    recogniser = model.recogniser(RATE)
    found: list[RecognisedWord] = []
    seen: list[tuple[float, int]] = []
    for start in range(0, len(clip.samples), CHUNK):
        ended = recogniser.accept(clip.samples[start : start + CHUNK].tobytes())
        if ended is not None:
            found += ended.words
        elif partials_too:
            now = min(len(clip.samples), start + CHUNK) / RATE
            seen.append((now, len(found) + len(recogniser.partial().split())))
    found += recogniser.finish().words
    return found, seen


def _delays(found: list[RecognisedWord], partials: list[tuple[float, int]]) -> list[float]:
    delays = []
    for i, word in enumerate(found):
        shown = next((now for now, count in partials if count > i), None)
        if shown is not None:
            delays.append(shown - word.end_s)
    return delays
