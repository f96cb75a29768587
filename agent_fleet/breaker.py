"""The circuit breaker of one speaker's recogniser: closed, open after N failures, half-open once.

The states and their changes are the library's (purgatory); this only fits them to a pipeline,
whose calls are made in one thread and whose hangs are found by another.
"""

import threading

from purgatory.domain.model import Context, OpenedState
from purgatory.typing import StateName


class Breaker:
    """Counts failures in a row; open, it allows nothing until it has cooled down."""

    def __init__(self, name: str, *, failures: int, cool_s: float) -> None:
        """Make a closed breaker.

        Args:
            name: for its errors.
            failures: failures in a row that open it.
            cool_s: seconds until an open one lets a single try through.
        """
        self._context = Context(name, threshold=failures, ttl=cool_s)
        self._failures = failures
        self._lock = threading.Lock()
        self.opened = 0

    @property
    def state(self) -> StateName:
        """`closed`, `opened` or `half-opened`."""
        return self._context.state

    def allows(self) -> bool:
        """Whether a call may be made now; an open breaker that has cooled becomes half-open."""
        with self._lock:
            try:
                self._context.handle_new_request()
            except OpenedState:
                return False
            finally:
                self._context.messages.clear()
            return True

    def succeeded(self) -> None:
        """A call went well: closed, and no failures in a row."""
        with self._lock:
            self._context.handle_end_request()
            self._context.messages.clear()

    def failed(self, error: Exception) -> None:
        """A call failed."""
        with self._lock:
            self._fail(error)

    def trip(self, error: Exception) -> None:
        """Open at once: a call hangs, and another one would too."""
        with self._lock:
            for _ in range(self._failures):
                self._fail(error)

    def _fail(self, error: Exception) -> None:
        if self._open():
            return
        self._context.handle_exception(error)
        self._context.messages.clear()
        self.opened += self._open()

    def _open(self) -> bool:
        return self._context.state == "opened"
