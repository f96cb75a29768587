"""What can go wrong between a text and its sound in a room."""

from parley.errors import SpeechError, TooManyRequestsError


class EngineProcessError(SpeechError):
    """The speech engine's process ended or hangs; the next request starts a new one."""

    retryable = True
    code = "speech-engine-process"


class EngineBusyError(TooManyRequestsError):
    """More sentences wait for the engine than this process lets wait."""

    code = "speech-engine-busy"


class VoiceTrackError(SpeechError):
    """The room did not take the voice's track."""

    retryable = True
    code = "voice-track"
