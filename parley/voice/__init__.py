"""Speech: text in, 24 kHz mono out, sentence by sentence, from one of several engines."""

from parley.voice.engine import SAMPLE_RATE, SpeechEngine, Voice
from parley.voice.engines import open_engine
from parley.voice.errors import EngineMissingError, SpeechTextError, UnknownVoiceError

__all__ = [
    "SAMPLE_RATE",
    "EngineMissingError",
    "SpeechEngine",
    "SpeechTextError",
    "UnknownVoiceError",
    "Voice",
    "open_engine",
]
