"""The wait between `room_finished` and finalisation, in which late events may still arrive.

A long-lived process keeps a task per room. A Lambda is frozen between calls, so there the webhook's
own call waits. Either may die in the wait; the room's `ended_ms` is stored before, and the
reconciler finalises what is overdue.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from parley.errors import ParleyError
from parley.telemetry.logs import get_logger

log = get_logger("grace")
Action = Callable[[], Awaitable[object]]


class Grace(Protocol):
    """Runs an action after a wait."""

    async def after(self, seconds: float, key: str, action: Action) -> None:
        """Run the action after so many seconds; one wait a key at a time."""

    async def aclose(self) -> None:
        """Give up all waits; the reconciler does what they would have done."""


class InlineGrace:
    """Waits in the caller."""

    async def after(self, seconds: float, key: str, action: Action) -> None:
        """Wait, then run the action; its errors are the caller's."""
        await asyncio.sleep(seconds)
        await action()

    async def aclose(self) -> None:
        """Nothing is under way between calls."""


class TaskGrace:
    """Waits in tasks that are kept until they end."""

    def __init__(self) -> None:
        """Start without tasks."""
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def after(self, seconds: float, key: str, action: Action) -> None:
        """Return at once; a task waits and runs the action."""
        if key in self._tasks:
            return
        task = asyncio.create_task(self._wait(seconds, key, action), name=f"grace-{key}")
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))

    async def _wait(self, seconds: float, key: str, action: Action) -> None:
        await asyncio.sleep(seconds)
        try:
            await action()
        except ParleyError as error:
            log.warning("left to the reconciler", what=key, reason=error.code)

    async def aclose(self) -> None:
        """Cancel all waits and await their end."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
