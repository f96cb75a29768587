"""Sentences are made one ahead of the listener: in order, no more, and not after he left."""

import asyncio
import threading
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from parley.voice.ahead import one_ahead

Sounds = AsyncGenerator[NDArray[np.float32], None]


class Studio:
    """Makes sounds whose first sample is their number, and remembers which it began."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.progress = threading.Condition()

    def make(self, number: int) -> NDArray[np.float32]:
        with self.progress:
            self.begun.append(number)
            self.progress.notify_all()
        if number < 0:
            raise ValueError("a bad sentence")
        return np.full(3, number, np.float32)

    def jobs(self, *numbers: int) -> list[partial[NDArray[np.float32]]]:
        return [partial(self.make, number) for number in numbers]

    async def until_begun(self, count: int) -> None:
        def wait() -> bool:
            with self.progress:
                return self.progress.wait_for(lambda: len(self.begun) >= count, timeout=5)

        assert await asyncio.to_thread(wait)


async def test_sounds_come_in_order() -> None:
    studio = Studio()
    with ThreadPoolExecutor(2) as pool:
        heard = [int(sound[0]) async for sound in one_ahead(pool, studio.jobs(1, 2, 3, 4))]
    assert heard == [1, 2, 3, 4]


async def test_the_next_is_made_while_one_is_heard_and_no_more() -> None:
    studio = Studio()
    with ThreadPoolExecutor(1) as pool:
        sounds = one_ahead(pool, studio.jobs(1, 2, 3))
        await anext(sounds)
        await studio.until_begun(2)
        assert studio.begun == [1, 2]
        await cast(Sounds, sounds).aclose()
    assert studio.begun == [1, 2]


async def test_a_failure_reaches_the_listener() -> None:
    studio = Studio()
    with ThreadPoolExecutor(1) as pool:
        sounds = one_ahead(pool, studio.jobs(1, -1, 3))
        assert int((await anext(sounds))[0]) == 1
        with pytest.raises(ValueError, match="bad sentence"):
            await anext(sounds)
    assert 3 not in studio.begun


async def test_nothing_to_make_gives_nothing() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert [sound async for sound in one_ahead(pool, [])] == []
