"""The fleet's garbage is collected where nothing is locked."""

import asyncio
import gc
import threading

from agent_fleet.memory import collect


class _Cycle:
    def __init__(self, ends: list[int], ended: threading.Event) -> None:
        self.me, self.ends, self.ended = self, ends, ended

    def __del__(self) -> None:
        self.ends.append(threading.get_ident())
        self.ended.set()


async def test_cycles_end_in_a_thread_of_their_own_and_never_where_something_is_made() -> None:
    ends: list[int] = []
    collecting = asyncio.create_task(collect(lambda: 0, look_s=0.05))
    await asyncio.sleep(0)
    ended = threading.Event()
    _Cycle(ends, ended)
    made = [[number] for number in range(100_000)]  # would have been collected in the middle
    assert ends == []
    assert await asyncio.to_thread(ended.wait, 10)
    assert made
    assert ends != [threading.get_ident()]
    assert not gc.isenabled()
    collecting.cancel()
    await asyncio.gather(collecting, return_exceptions=True)
    assert gc.isenabled()
