"""`up`, `down` and `status` with the real servers, and what happens when nobody stops them."""

import asyncio
import os
import signal
import socket
import stat
import sys
from pathlib import Path

import psutil
import pytest

from parley.errors import SetupError
from parley.storage.database import Database
from parley_cli.stack.lifecycle import down, status, up
from parley_cli.stack.plan import SERVER_PARTS
from parley_cli.stack.ports import LOOPBACK, is_free
from parley_cli.stack.stack import AlreadyRunningError
from parley_cli.stack.state import PartState, StackState, StateFolder
from tests.stack_fixtures.waiting import gone, until


def pids(folder: Path) -> list[int]:
    state = StateFolder(folder).read()
    return [part.pid for part in state.parts.values() if part.pid] if state else []


def read(folder: Path) -> StackState:
    state = StateFolder(folder).read()
    assert state is not None
    return state


def phase(folder: Path) -> str:
    state = StateFolder(folder).read()
    return state.phase if state else "none"


async def test_up_in_the_background_stays_and_down_ends_it(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    assert not down(folder)
    await asyncio.to_thread(up, folder, foreground=False, parts=SERVER_PARTS)
    try:
        now = status(folder)
        assert (now.running, now.phase, now.failure) == (True, "ready", None)
        assert [part.name for part in now.parts] == list(SERVER_PARTS)
        assert all(part.pid for part in now.parts)
        database = Database(now.environment["PARLEY_MONGO_URI"], "parley")
        await database.ping()
        database.close()
        assert stat.S_IMODE((folder / "stack.json").stat().st_mode) == 0o600
        with pytest.raises(AlreadyRunningError):
            up(folder, foreground=False, parts=SERVER_PARTS)
        children, ports = pids(folder), read(folder).ports
    finally:
        assert await asyncio.to_thread(down, folder)
    assert all(gone(pid) for pid in children)
    assert all(is_free(port) for port in ports.values())
    assert not status(folder).running
    assert not down(folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_leaves_no_process_and_no_port(
    tmp_path: Path, number: signal.Signals
) -> None:
    folder = tmp_path / "s"
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "parley_cli.stack", str(folder), "--parts", *SERVER_PARTS
    )
    await until(lambda: phase(folder) == "ready", "the stack serves", 60)
    children, ports = pids(folder), read(folder).ports
    supervisor.send_signal(number)
    async with asyncio.timeout(30):
        assert await supervisor.wait() == 0
    assert len(children) == 3
    assert all(gone(pid) for pid in children)
    assert all(is_free(port) for port in ports.values())
    assert phase(folder) == "stopped"


async def test_kill_9_of_the_supervisor_takes_the_servers_along(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    supervisor = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "parley_cli.stack", str(folder), "--parts", *SERVER_PARTS
    )
    await until(lambda: phase(folder) == "ready", "the stack serves", 60)
    children = pids(folder)
    supervisor.kill()
    await supervisor.wait()
    await until(lambda: all(gone(pid) for pid in children), "the servers are gone")
    assert not status(folder).running

    # What the killed one left in the folder is no hindrance.
    await asyncio.to_thread(up, folder, foreground=False, parts=SERVER_PARTS)
    assert status(folder).phase == "ready"
    assert down(folder)


def left_behind(folder: Path, pid: int, created_s: float) -> None:
    """Make the folder look as if a supervisor had died there and left this process."""
    state_folder = StateFolder(folder)
    state_folder.make()
    part = PartState(pid=pid, created_s=created_s, url="", log="")
    state_folder.write(StackState(phase="ready", parts={"mongo": part}))


async def test_what_an_earlier_supervisor_left_is_ended(tmp_path: Path) -> None:
    left = await asyncio.create_subprocess_exec("sleep", "600")
    left_behind(tmp_path, left.pid, psutil.Process(left.pid).create_time())
    assert await asyncio.to_thread(down, tmp_path)
    async with asyncio.timeout(5):
        # 255 where somebody else was the first to see it end.
        assert await left.wait() in (-signal.SIGTERM, 255)


async def test_a_pid_that_came_again_is_left_alone(tmp_path: Path) -> None:
    left_behind(tmp_path, os.getpid(), 1.0)
    assert not down(tmp_path)  # and this test lives on


async def test_a_background_start_that_fails_says_why(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=f"Port {port} for mongo is taken"):
            await asyncio.to_thread(
                up, tmp_path / "s", foreground=False, parts=["mongo"], ports={"mongo": port}
            )
    assert not status(tmp_path / "s").running
