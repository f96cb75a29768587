"""What can go wrong with a model's files, each with the sentence that says what to do."""

from parley.errors import ModelError


class UnknownModelError(ModelError):
    """The name is neither in the catalogue nor an existing folder."""

    code = "unknown-model"


class ModelUnreachableError(ModelError):
    """The model's home can't be reached from this machine; trying later may work."""

    retryable = True
    code = "model-unreachable"


class ModelCorruptError(ModelError):
    """What was fetched isn't what the catalogue pins (size or SHA-256)."""

    code = "model-corrupt"


class ToolMissingError(ModelError):
    """Fetching needs a program (pip or uv, npm) that isn't on this machine."""

    code = "tool-missing"
