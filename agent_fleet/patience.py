"""Tries again what can succeed later, for as long as it takes: nothing else has the data."""

from collections.abc import AsyncIterator

import stamina

from parley.errors import NotFoundError, ParleyError


def may_pass(error: Exception) -> bool:
    """Whether a call can succeed later."""
    # NotFound: the room's own registration is still under way.
    return isinstance(error, NotFoundError) or (isinstance(error, ParleyError) and error.retryable)


def patiently(first_s: float = 0.2, longest_s: float = 10.0) -> AsyncIterator[stamina.Attempt]:
    """Attempts without end, to be gone through by `async for`.

    Args:
        first_s: the first pause, in seconds; later ones grow.
        longest_s: the longest.
    """
    return aiter(
        stamina.retry_context(
            on=may_pass, attempts=None, timeout=None, wait_initial=first_s, wait_max=longest_s
        )
    )
