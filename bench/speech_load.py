"""The audio of a load test: scripted speakers with room noise, and when each word is said.

Silence is in every load on purpose: a load that only talks flatters a recogniser that has no gate.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from parley.audio.ogg import encode_opus
from parley.audio.resample import resample, to_float32, to_int16
from parley.settings import load_settings
from parley.voice.engine import SAMPLE_RATE as VOICE_RATE
from parley.voice.espeak import Espeak
from parley_cli.demo.words import Aligner

Load = Literal["meeting", "talking", "silent", "muted", "own"]
RATE = 48_000
_FORMAT = 3
"""Part of the cache's keys: raise it when what is made changes."""

TALK_SHARE: dict[Load, float] = {
    "meeting": 0.2,
    "talking": 1.0,
    "silent": 0.0,
    "muted": 0.0,
    "own": 0.2,
}
_PAUSE_S = 0.9  # between the sentences of one who only talks
_LEAD_S = 1.2  # before anybody's first word
_NOISE_RMS = (20.0, 60.0)
_VOICES = ("en-us", "en-gb", "en-us+f3", "en-us+m3", "en-gb+f2", "en-us+f2", "en-gb+m1")
_SENTENCES = (
    "can you review the budget",
    "the report is ready for the client",
    "we need more tests before the release",
    "i will send the slides on monday",
    "thank you for the update",
    "the server is slow again this morning",
    "who will write the proposal",
    "let us move the meeting to thursday",
    "the customer asked about the invoice",
    "please share the results with the team",
    "i think the plan is good",
    "we should fix the login page first",
    "marketing wants a new campaign next month",
    "the deadline is friday afternoon",
    "do we have feedback from the partner",
    "the dashboard must show the sales",
    "i agree with the design",
    "carol will prepare the contract",
    "the database needs an update",
    "what is the next topic",
)
_OWN = (
    *(text for text in _SENTENCES if text != "thank you for the update"),
    "bob must wait eight hours",
    "alice has a question about the schedule",
    "we are blocked by the mobile app",
    "david must finish the document",
    "the engineer can deploy the prototype",
    "please send the survey to the designer",
    "we found a security problem",
    "let us start the training after lunch",
    "frank decided about the payment",
    "the price is twelve thousand",
    "the roadmap looks very useful",
)
"""For the load "own": each speaker has one of these, which holds words that no other has."""


@dataclass(frozen=True)
class ScriptedWord:
    """A word, and where it is said, in ms from the file's first sample."""

    text: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True)
class ScriptedSpeaker:
    """One speaker's file and its words."""

    file: Path
    seconds: float
    words: tuple[ScriptedWord, ...]
    utterances: tuple[tuple[int, int], ...]
    """Each utterance as a range of words."""

    def samples(self) -> NDArray[np.int16]:
        """The file's audio before it was encoded: int16 mono at 16 kHz."""
        loaded: NDArray[np.int16] = np.load(self.file.with_suffix(".npy"))
        return loaded


def speakers(count: int, load: Load, seconds: float) -> list[ScriptedSpeaker]:
    """So many speakers of a load, from the cache or made now (a second or two each)."""
    if load == "muted":  # the same silence, which `publishing` does not send
        return speakers(count, "silent", seconds)
    folder = load_settings().cache / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    studio: _Studio | None = None
    found = []
    for number in range(count):
        name = f"{load}-{seconds:g}-{number:03}-{_FORMAT}"
        texts = _OWN if load == "own" else _SENTENCES
        key = hashlib.sha256(f"{name}{texts}{_VOICES}".encode()).hexdigest()[:12]
        file = folder / f"{name}-{key}.ogg"
        if not file.with_suffix(".json").exists():
            studio = studio or _Studio()
            studio.make(file, number, load, seconds)
        about = json.loads(file.with_suffix(".json").read_text())
        found.append(
            ScriptedSpeaker(
                file,
                seconds,
                tuple(ScriptedWord(**word) for word in about["words"]),
                tuple((first, last) for first, last in about["utterances"]),
            )
        )
    return found


class _Studio:
    def __init__(self) -> None:
        self._engine = Espeak()
        self._voices = {voice.name: voice for voice in self._engine.voices()}
        self._aligner = Aligner()

    def make(self, file: Path, number: int, load: Load, seconds: float) -> None:
        rng = np.random.default_rng([number, len(load), _FORMAT])
        noise = rng.uniform(*_NOISE_RMS)
        audio = rng.normal(0, noise, int(seconds * RATE)).astype(np.float32)
        words: list[ScriptedWord] = []
        utterances: list[tuple[int, int]] = []
        voice = self._voices[_VOICES[number % len(_VOICES)]]
        share = TALK_SHARE[load]
        at = _LEAD_S + (float(rng.uniform(0, 1.5 / share)) if share else seconds)
        while True:
            if load == "own":
                sentence = _OWN[number % len(_OWN)]
            else:
                sentence = _SENTENCES[int(rng.integers(len(_SENTENCES)))]
            spoken = self._engine.render(sentence, voice, 0.95)
            line = to_int16(spoken * (float(rng.uniform(3000, 6000)) / 32768 / _rms(spoken)))
            length = len(line) / VOICE_RATE
            if at + length + 2.0 > seconds:
                break
            start = int(at * RATE)
            placed = resample(to_float32(line), VOICE_RATE, RATE) * 32768
            audio[start : start + len(placed)] += placed
            first = len(words)
            words += [
                ScriptedWord(w.text, round(at * 1000) + w.start_ms, round(at * 1000) + w.end_ms)
                for w in self._aligner.align(sentence, line, VOICE_RATE)
            ]
            utterances.append((first, len(words)))
            pause = _PAUSE_S if share == 1 else length * (1 / share - 1)
            at += length + float(rng.uniform(0.7, 1.3)) * pause
        samples = np.clip(audio, -32768, 32767).astype(np.int16)
        at_16k = to_int16(resample(to_float32(samples), RATE, 16_000))
        np.save(file.with_suffix(".npy"), at_16k)
        file.write_bytes(encode_opus(samples, RATE))
        about = {"words": [asdict(w) for w in words], "utterances": utterances}
        file.with_suffix(".json").write_text(json.dumps(about))


def own_words(number: int) -> frozenset[str]:
    """The words that only this speaker says in the load "own", of up to 30 speakers."""
    others = {word for text in _OWN if text != _OWN[number] for word in text.split()}
    return frozenset(_OWN[number].split()) - others


def _rms(samples: NDArray[np.float32]) -> float:
    return float(np.sqrt(np.mean(samples**2)))
