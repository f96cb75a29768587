"""Why an event was not taken."""

from parley.errors import ParleyError


class DeliveryError(ParleyError):
    """A receiver did not take an event; the message says why, without its address.

    Attributes:
        status: the HTTP status of its answer, when it answered.
        final: whether it is of no use to try again.
    """

    retryable = True
    code = "delivery"

    def __init__(self, message: str, *, status: int | None = None, final: bool = False) -> None:
        """Keep the message, the status, and whether trying again can help."""
        super().__init__(message)
        self.status, self.final = status, final
        self.retryable = not final
