"""The demo's stages: each has a limit, takes a measured time, and fails with a sentence."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from parley.errors import ParleyError

POLL_S = 0.2


class StageError(ParleyError):
    """A stage of the demo did not happen, or not in time."""

    code = "demo-stage"


class Stages:
    """How long each stage took, in seconds, in the order in which they ended."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Measure with this clock."""
        self._monotonic = monotonic
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Measure a stage; one that raises is not noted."""
        begun = self._monotonic()
        yield
        self.seconds[name] = round(self._monotonic() - begun, 2)


async def until(
    done: Callable[[], Awaitable[bool]], within_s: float, otherwise: Callable[[], str]
) -> None:
    """Ask again until something is done.

    Args:
        done: asks.
        within_s: how long at most.
        otherwise: what is not as it should be; completes "… within N s".

    Raises:
        StageError: it was not done in time.
    """
    try:
        async with asyncio.timeout(within_s):
            while not await done():  # noqa: ASYNC110 - what is asked is another process
                await asyncio.sleep(POLL_S)
    except TimeoutError as error:
        raise StageError(f"{otherwise()} within {within_s:g} s") from error
