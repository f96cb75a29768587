"""Ends a process whose event loops are stuck, so that another takes up its rooms.

Such a process still holds its connections, and would be sent room after room. What it had recorded
is in its spool, and who starts processes starts one again. Python's faulthandler does it, without
needing the interpreter: every thread's place goes to stderr first.
"""

import asyncio
import faulthandler
import time


class StuckLoops:
    """Watches the main loop and those of rooms."""

    def __init__(self, limit_s: float) -> None:
        """End the process when a loop has stood still for so many seconds, at most twice as many.

        Args:
            limit_s: the limit in seconds; 0 for none.
        """
        self._limit_s = limit_s
        self._seen: dict[object, float] = {}

    async def tell(self) -> None:
        """Say that the running loop goes on, until cancelled."""
        me = object()
        try:
            while True:
                self._seen[me] = time.monotonic()
                await asyncio.sleep(self._limit_s / 4 or 1.0)
        finally:
            self._seen.pop(me, None)

    async def watch(self) -> None:
        """Watch from the running loop, the main one, until cancelled."""
        if not self._limit_s:
            return
        try:
            while True:
                if not self._stuck():
                    faulthandler.dump_traceback_later(self._limit_s, exit=True)
                await asyncio.sleep(self._limit_s / 4)
        finally:
            faulthandler.cancel_dump_traceback_later()

    def _stuck(self) -> bool:
        now = time.monotonic()
        return any(now - seen > self._limit_s for seen in list(self._seen.values()))
