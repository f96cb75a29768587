"""The edge to libvosk: whatever would hang or kill the process is refused here.

Measured with vosk 0.3.45: a sample rate of 0 hangs the calling thread for ever and a negative one
aborts the process; so do two threads in one recogniser; an odd number of bytes shifts all audio
after it; a call with half an hour of audio takes gigabytes.
"""

import json
import math
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent_fleet.model_folder import suited
from agent_fleet.vosk_library import KERNELS, vosk
from parley.errors import AudioError, ModelError, RecogniserError

MIN_RATE, MAX_RATE = 8_000, 48_000
MAX_CALL_SECONDS = 30
UNKNOWN = "[unk]"
"""What Vosk answers for speech outside its vocabulary: it is no word, so nobody is shown it."""


@dataclass(frozen=True, slots=True)
class RecognisedWord:
    """One word; times in seconds of the audio this recogniser was given since it was made."""

    text: str
    start_s: float
    end_s: float
    confidence: float


@dataclass(frozen=True, slots=True)
class RecognisedUtterance:
    """A finished utterance; without words when nothing known was said."""

    text: str
    words: tuple[RecognisedWord, ...]


class VoskModel:
    """A loaded model; any number of recognisers in any threads share it."""

    def __init__(self, path: Path) -> None:
        """Load a model folder.

        Raises:
            ModelError: the folder is not a Vosk model, or libvosk refuses it.
        """
        _check_model_folder(path)
        try:
            with suited(path, KERNELS) as folder:
                self._model = vosk.Model(str(folder))
        except Exception as error:  # vosk raises bare Exception
            raise ModelError(f"Vosk can't load the model in {path}: is it complete?") from error
        self.path = path

    def recogniser(self, sample_rate: int) -> "VoskRecogniser":
        """A new recogniser for mono int16 audio at this rate in Hz; raises `AudioError`."""
        if isinstance(sample_rate, bool) or not isinstance(sample_rate, int):
            raise AudioError("The sample rate must be a whole number of Hz.")
        if not MIN_RATE <= sample_rate <= MAX_RATE:
            raise AudioError(f"The sample rate must be {MIN_RATE} to {MAX_RATE} Hz.")
        return VoskRecogniser(vosk.KaldiRecognizer(self._model, sample_rate), sample_rate)


class VoskRecogniser:
    """One speaker's recogniser; one thread at a time may be in it."""

    def __init__(self, recogniser: Any, sample_rate: int) -> None:
        """Wrap libvosk's recogniser; `VoskModel.recogniser` makes one."""
        self._recogniser = recogniser
        self._max_bytes = MAX_CALL_SECONDS * sample_rate * 2
        self._inside = threading.Lock()
        self.samples = 0
        """How much audio it was given since it was made: the zero of its words' times."""
        recogniser.SetWords(True)

    def accept(self, pcm: bytes) -> RecognisedUtterance | None:
        """Take in audio.

        Args:
            pcm: mono int16 little-endian samples, at most 30 s.

        Returns:
            The utterance that this audio ended, else None.

        Raises:
            AudioError: not `bytes`, not whole samples, or too much at once.
            RecogniserError: libvosk failed, or another thread is inside.
        """
        if not isinstance(pcm, bytes):
            raise AudioError(f"Audio comes as bytes, not {type(pcm).__name__}.")
        if len(pcm) % 2:
            raise AudioError("Audio must hold whole 16-bit samples; this has an odd byte count.")
        if len(pcm) > self._max_bytes:
            raise AudioError(f"One call takes at most {MAX_CALL_SECONDS} s of audio.")
        with self._alone():
            try:
                ended = self._recogniser.AcceptWaveform(pcm)
                self.samples += len(pcm) // 2
            except Exception as error:
                raise RecogniserError("Vosk could not process the audio") from error
            return _utterance(self._recogniser.Result()) if ended else None

    def partial(self) -> str:
        """The words of the open utterance so far, unknown ones left out."""
        with self._alone():
            answer = _parse(self._recogniser.PartialResult()).get("partial", "")
        if not isinstance(answer, str):
            raise RecogniserError("Vosk's partial result is not text")
        return " ".join(word for word in answer.split() if word != UNKNOWN)

    def finish(self) -> RecognisedUtterance:
        """End the open utterance now; the next audio begins a new one."""
        with self._alone():
            return _utterance(self._recogniser.FinalResult())

    def _alone(self) -> "_Alone":
        return _Alone(self._inside)


class _Alone:
    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        if not self._lock.acquire(blocking=False):
            raise RecogniserError("another thread is inside this recogniser")

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _check_model_folder(path: Path) -> None:
    if not path.is_dir():
        raise ModelError(f"There is no model folder {path}: set PARLEY_LIVE_MODELS to one.")
    for choices in (
        ("am/final.mdl", "final.mdl"),
        ("conf/mfcc.conf", "mfcc.conf"),
        ("graph/HCLG.fst", "graph/HCLr.fst", "HCLG.fst", "HCLr.fst"),
    ):
        found = [path / name for name in choices if (path / name).is_file()]
        if not found or found[0].stat().st_size == 0:
            raise ModelError(f"{path} is not a Vosk model: it has no {choices[0]}.")


def _parse(answer: str) -> dict[str, Any]:
    try:
        parsed = json.loads(answer)
    except ValueError as error:
        raise RecogniserError("Vosk's result is not JSON") from error
    if not isinstance(parsed, dict):
        raise RecogniserError("Vosk's result is not an object")
    return parsed


def _utterance(answer: str) -> RecognisedUtterance:
    parsed = _parse(answer)
    try:
        words = tuple(
            RecognisedWord(
                text=str(word["word"]),
                start_s=_finite(word["start"]),
                end_s=_finite(word["end"]),
                confidence=min(1.0, max(0.0, _finite(word.get("conf", 1.0)))),
            )
            for word in parsed.get("result", ())
            if word["word"] != UNKNOWN
        )
    except (KeyError, TypeError, ValueError) as error:
        raise RecogniserError("Vosk's result lacks a word's text or times") from error
    return RecognisedUtterance(" ".join(word.text for word in words), words)


def _finite(value: object) -> float:
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number) or number < 0:
        raise ValueError(value)
    return number
