"""What can go wrong with Gemini; no message holds the key or anything of a transcript."""

from parley.errors import ParleyError


class GeminiError(ParleyError):
    """Gemini gave no answer that can be used."""

    code = "gemini"


class GeminiRefusedError(GeminiError):
    """The key or the request is not accepted; another try gives the same."""

    code = "gemini-refused"


class GeminiBlockedError(GeminiError):
    """A safety filter held back the answer."""

    code = "gemini-blocked"


class GeminiUnavailableError(GeminiError):
    """No model of the list answers now: busy, over quota, too slow or unreachable."""

    retryable = True
    code = "gemini-unavailable"


class GeminiAnswerError(GeminiError):
    """The answer was cut off or is not of the form that was asked for."""

    retryable = True
    code = "gemini-answer"
