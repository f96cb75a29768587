"""Several things at once: all end, and the first error keeps its class."""

import asyncio

import pytest

from parley.errors import StorageUnavailableError
from parley.together import together


async def test_all_end_and_the_first_error_is_raised_as_it_is() -> None:
    ended: list[int] = []

    async def work(number: int) -> int:
        await asyncio.sleep(0)
        if number == 1:
            raise StorageUnavailableError("away")
        ended.append(number)
        return number

    assert await together(work(n) for n in (2, 3)) == [2, 3]
    with pytest.raises(StorageUnavailableError):
        await together(work(n) for n in (0, 1, 4))
    assert ended == [2, 3, 0, 4]
