"""A process with a loop that stands still ends itself, and says where each thread was."""

import subprocess
import sys

import pytest

MAIN = """
import asyncio, threading, time
from agent_fleet.stuck_loops import StuckLoops

async def main():
    loops = StuckLoops({limit_s})
    watching = asyncio.create_task(loops.watch())
    await asyncio.sleep(0)
    {body}

def stands_still():
    time.sleep(60)

async def room(loops):
    telling = asyncio.create_task(loops.tell())
    await asyncio.sleep(0)
    {room}
    telling.cancel()

asyncio.run(main())
print("ended by itself")
"""
IN_A_ROOM = "await asyncio.to_thread(asyncio.run, room(loops))"


def run(body: str, room: str = "", *, limit_s: float) -> subprocess.CompletedProcess[str]:
    """The program's end."""
    program = MAIN.format(body=body, room=room or "pass", limit_s=limit_s)
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)


@pytest.mark.parametrize(("body", "room"), [("stands_still()", ""), (IN_A_ROOM, "stands_still()")])
def test_a_loop_that_stands_still_ends_the_process(body: str, room: str) -> None:
    end = run(body, room, limit_s=0.4)
    assert end.returncode == 1
    assert "in stands_still" in end.stderr
    assert "ended by itself" not in end.stdout


def test_loops_that_go_on_and_rooms_that_end_do_not() -> None:
    end = run(f"{IN_A_ROOM}; await asyncio.sleep(2)", "await asyncio.sleep(2)", limit_s=1.5)
    assert (end.returncode, end.stdout, end.stderr) == (0, "ended by itself\n", "")
