"""Run blocking work in an engine's own threads, one sentence ahead of the listener."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

Job = Callable[[], NDArray[np.float32]]


async def one_ahead(executor: Executor, jobs: Sequence[Job]) -> AsyncIterator[NDArray[np.float32]]:
    """Give out each job's sound, in order, while the next one is being made.

    Leaving the iterator early starts nothing more; what a thread is doing then runs to its end
    and is dropped.
    """
    loop = asyncio.get_running_loop()
    pending = [loop.run_in_executor(executor, job) for job in jobs[:1]]
    try:
        for position in range(len(jobs)):
            sound = await pending.pop()
            pending = [loop.run_in_executor(executor, job) for job in jobs[position + 1 :][:1]]
            yield sound
    finally:
        for future in pending:
            future.cancel()
