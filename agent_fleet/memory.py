"""Collects garbage in one place, and gives memory back to the system.

Python collects wherever something is made, also in a thread that holds a lock; and what is then
forgotten may itself want locks: a room of the SDK's leaves a queue of events. So the collector is
off while the fleet runs, and is called here, in a thread that holds nothing.

Each thread that worked for a speaker had memory of its own from the C library, and libvosk takes
it in small pieces: unless it is given back a process grows by a tenth of a megabyte for each who
comes and goes.
"""

import asyncio
import contextlib
import ctypes
import gc
from collections.abc import Callable

_LOOK_S = 5.0
_YOUNG, _ALL_EVERY = 1, 12


def give_back() -> None:
    """Return free memory to the system, where the C library can; takes some milliseconds."""
    gc.collect()  # a speaker's parts know each other; what was imported is frozen, not looked at
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


async def collect(left: Callable[[], int], *, look_s: float = _LOOK_S) -> None:
    """Collect garbage in place of Python, and all of it soon after people left, until cancelled.

    Args:
        left: how many left so far.
        look_s: seconds from one time to the next.
    """
    known, looks = left(), 0
    gc.disable()
    try:
        while True:
            await asyncio.sleep(look_s)
            looks += 1
            if (now := left()) != known or looks % _ALL_EVERY == 0:
                known = now
                await asyncio.to_thread(give_back)
            else:
                await asyncio.to_thread(gc.collect, _YOUNG)
    finally:
        gc.enable()
