"""The fleet's garbage is collected where nothing is locked."""

import asyncio
import gc
import threading

from agent_fleet.memory import collect


class _Cycle:
    ends: list[int]

    def __init__(self, ends: list[int]) -> None:
        self.me, self.ends = self, ends

    def __del__(self) -> None:
        self.ends.append(threading.get_ident())


async def test_cycles_end_in_a_thread_of_their_own_and_never_where_something_is_made() -> None:
    ends: list[int] = []
    collecting = asyncio.create_task(collect(lambda: 0, look_s=0.05))
    await asyncio.sleep(0)
    _Cycle(ends)
    made = [[number] for number in range(100_000)]  # would have been collected in the middle
    assert ends == []
    async with asyncio.timeout(10):
        while not ends:
            await asyncio.sleep(0.01)
    assert made
    assert ends != [threading.get_ident()]
    assert not gc.isenabled()
    collecting.cancel()
    await asyncio.gather(collecting, return_exceptions=True)
    assert gc.isenabled()
