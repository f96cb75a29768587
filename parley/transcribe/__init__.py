"""The final transcriber: a recording's samples in, timed words out."""

from parley.transcribe.engine import Transcriber, Utterance
from parley.transcribe.whisper import WhisperTranscriber

__all__ = ["Transcriber", "Utterance", "WhisperTranscriber"]
