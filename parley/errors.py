"""The error hierarchy of Parley: every error says what went wrong and whether a retry can help."""


class ParleyError(Exception):
    """Base of all our errors.

    Attributes:
        retryable: whether the same call can succeed later without a change of its input.
        code: a short stable name for problem documents, metrics and records.
    """

    retryable: bool = False
    code: str = "parley-error"


class BadInputError(ParleyError):
    """The caller's input cannot be used; the message says which part and why."""

    code = "bad-input"


class NotFoundError(ParleyError):
    """The named room, track, summary, voice or object does not exist."""

    code = "not-found"


class UnauthorizedError(ParleyError):
    """The caller did not show who they are, or the proof is wrong, stale or expired."""

    code = "unauthorized"


class ForbiddenError(ParleyError):
    """The caller is known but may not do this."""

    code = "forbidden"


class ConflictError(ParleyError):
    """The thing is in a state in which this cannot be done."""

    code = "conflict"


class TooManyRequestsError(ParleyError):
    """A limit was reached.

    Attributes:
        retry_after_s: seconds after which the caller may try again.
    """

    retryable = True
    code = "too-many-requests"

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        """Keep the message and the wait in seconds."""
        super().__init__(message)
        self.retry_after_s = retry_after_s


class SetupError(ParleyError):
    """This machine or its settings lack something; the message says what to do."""

    code = "setup"


class StorageError(ParleyError):
    """The database refused a call."""

    code = "storage"


class DuplicateError(StorageError):
    """A document with this id is already there."""

    code = "duplicate"


class StorageUnavailableError(StorageError):
    """The database cannot be reached now."""

    retryable = True
    code = "storage-unavailable"


class BlobError(ParleyError):
    """The object store refused a call."""

    code = "blob"


class BlobNotFoundError(BlobError, NotFoundError):
    """No object has this key."""

    code = "blob-not-found"


class BlobUnavailableError(BlobError):
    """The object store cannot be reached now."""

    retryable = True
    code = "blob-unavailable"


class LiveKitError(ParleyError):
    """LiveKit refused a call."""

    code = "livekit"


class LiveKitUnavailableError(LiveKitError):
    """LiveKit cannot be reached now."""

    retryable = True
    code = "livekit-unavailable"


class AudioError(BadInputError):
    """The audio cannot be decoded, is empty, or has a form that is not supported."""

    code = "audio"


class RecogniserError(ParleyError):
    """A live recogniser failed on one speaker's audio."""

    retryable = True
    code = "recogniser"


class TranscriberError(ParleyError):
    """The final transcriber failed on a recording."""

    retryable = True
    code = "transcriber"


class SummaryError(ParleyError):
    """No summary could be made of a timeline."""

    retryable = True
    code = "summary"


class SpeechError(ParleyError):
    """A speech engine failed on a text."""

    code = "speech"


class ModelError(SetupError):
    """A model folder is missing or is not what its engine loads."""

    code = "model"
