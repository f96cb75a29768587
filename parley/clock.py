"""Where time comes from: a callable that answers integer milliseconds since the epoch."""

import time
from collections.abc import Callable

Clock = Callable[[], int]


def wall_clock_ms() -> int:
    """The machine's time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
