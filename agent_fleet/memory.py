"""Gives memory back to the system: what people leave behind would stay in the allocator's pieces.

Each thread that worked for a speaker had memory of its own from the C library, and libvosk takes
it in small pieces: without this a process grows by a tenth of a megabyte for each who comes and
goes.
"""

import asyncio
import contextlib
import ctypes
import gc
from collections.abc import Callable

_LOOK_S = 5.0


def give_back() -> None:
    """Return free memory to the system, where the C library can; takes some milliseconds."""
    gc.collect()  # a speaker's parts know each other; what was imported is frozen, not looked at
    with contextlib.suppress(OSError, AttributeError):  # not glibc
        ctypes.CDLL(None).malloc_trim(0)


async def give_back_after(left: Callable[[], int]) -> None:
    """Give memory back soon after people left, until cancelled.

    Args:
        left: how many left so far.
    """
    known = left()
    while True:
        await asyncio.sleep(_LOOK_S)
        if (now := left()) != known:
            known = now
            await asyncio.to_thread(give_back)
