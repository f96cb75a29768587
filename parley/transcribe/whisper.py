"""Whisper through faster-whisper (CTranslate2): word times, and guards against invented words."""

import os
from pathlib import Path
from typing import Any

import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from parley import models
from parley.errors import ModelError, TranscriberError
from parley.settings import Settings
from parley.transcribe.engine import TimedWord, Utterance, split_at_pauses

PAUSE_MS = 1_000
"""Two words this far apart belong to two utterances; the VAD filter joins them otherwise."""

# Whisper invents words in silence and noise, and repeats itself when it is fed its own text. What
# holds it back: silence is cut out first (Silero VAD), a window does not see the text before it, a
# window that compresses too well (repetition) or is likely no speech is refused. Not used is
# `hallucination_silence_threshold`: it took out whole recordings of cut-off speech, and nothing of
# what the others let through.
_GUARDS: dict[str, Any] = {
    "vad_filter": True,
    "vad_parameters": {"min_silence_duration_ms": 500, "speech_pad_ms": 200},
    "condition_on_previous_text": False,
    "no_speech_threshold": 0.6,
    "log_prob_threshold": -1.0,
    "compression_ratio_threshold": 2.4,
}
_MIN_PROBABILITY = 0.15  # mean of an utterance's words; below it the words are a guess


class WhisperTranscriber:
    """One loaded Whisper model."""

    def __init__(self, model: WhisperModel, *, beam_size: int = 5) -> None:
        """Use a loaded model; see `load`."""
        self._model = model
        self._beam_size = beam_size

    @classmethod
    def load(
        cls,
        model: str | Path,
        *,
        device: str = "auto",
        compute_type: str = "int8",
        threads: int = 0,
        beam_size: int = 5,
    ) -> "WhisperTranscriber":
        """Load a model; takes about 0.3 s for tiny.en.

        Args:
            model: a size (`tiny.en`), a catalogue name (`whisper-tiny.en`) or a CTranslate2 folder.
            device: `cpu`, `cuda` or `auto`.
            compute_type: CTranslate2's, such as `int8` or `float16`.
            threads: threads of one transcription on a CPU; 0 means all cores.
            beam_size: beams of the search.

        Raises:
            ModelError: the model is not there or cannot be loaded; the message says what to do.
        """
        folder = find_model(model)
        try:
            loaded = WhisperModel(
                str(folder),
                device=device,
                compute_type=compute_type,
                cpu_threads=threads or os.cpu_count() or 1,
                local_files_only=True,
            )
        except (RuntimeError, ValueError, OSError) as error:
            first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise ModelError(
                f"Whisper's model can't be loaded from {folder} ({first_line}): "
                "PARLEY_WHISPER_MODEL should name a size such as tiny.en or a CTranslate2 folder "
                "with model.bin, config.json and tokenizer.json."
            ) from error
        return cls(loaded, beam_size=beam_size)

    @classmethod
    def from_settings(cls, settings: Settings) -> "WhisperTranscriber":
        """Load the model that the settings name."""
        return cls.load(
            settings.whisper_model,
            device=settings.whisper_device,
            compute_type=settings.whisper_compute_type,
            threads=settings.whisper_threads,
        )

    def transcribe(
        self, samples: NDArray[np.float32], language: str | None = None
    ) -> list[Utterance]:
        """What is said in the audio; see `Transcriber.transcribe`."""
        if len(samples) == 0:
            return []
        spoken = language if self._model.model.is_multilingual else "en"
        try:
            segments, _ = self._model.transcribe(
                samples, language=spoken, beam_size=self._beam_size, word_timestamps=True, **_GUARDS
            )
            found = [utterance for s in segments for utterance in _utterances(s)]
        except (RuntimeError, ValueError, MemoryError) as error:
            raise TranscriberError(f"Whisper failed: {type(error).__name__}") from error
        return [u for u in found if _probability(u) >= _MIN_PROBABILITY]


def find_model(model: str | Path) -> Path:
    """The folder of a Whisper model, fetched if it is a known size that is not here.

    Raises:
        ModelError: neither a known size nor a folder, or it cannot be fetched.
    """
    name = f"whisper-{model}"
    return models.ensure(name if name in models.CATALOGUE else model)


def _utterances(segment: Any) -> list[Utterance]:
    words = [
        TimedWord(
            text=word.word.strip(),
            start_ms=round(word.start * 1000),
            end_ms=max(round(word.end * 1000), round(word.start * 1000)),
            probability=min(max(float(word.probability), 0.0), 1.0),
        )
        for word in segment.words or ()
        if word.word.strip()
    ]
    return split_at_pauses(words, PAUSE_MS)


def _probability(utterance: Utterance) -> float:
    return sum(word.probability for word in utterance.words) / len(utterance.words)
