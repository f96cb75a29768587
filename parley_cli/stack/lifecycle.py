"""Bring a stack up, take it down, ask how it is: what the commands `up`, `down`, `status` call."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from parley.errors import SetupError
from parley_cli.stack.locks import is_held
from parley_cli.stack.plan import ALL_PARTS
from parley_cli.stack.process import kill_left_over, last_lines, lives
from parley_cli.stack.stack import AlreadyRunningError, Stack, StackEvent
from parley_cli.stack.state import PartState, StackState, StateFolder

_STOP_PATIENCE_S = 60.0
_START_PATIENCE_S = 900.0  # servers may have to be built
_POLL_S = 0.05


@dataclass(frozen=True)
class PartStatus:
    """How one part of a stack is.

    Attributes:
        name: which part.
        pid: its process, or None while it does not run.
        url: where it is reached.
        log: its log file.
        restarts: how often it died and was started again.
    """

    name: str
    pid: int | None
    url: str
    log: Path
    restarts: int


@dataclass(frozen=True)
class StackStatus:
    """How a stack is.

    Attributes:
        running: whether a supervisor runs it now.
        phase: where it is between start and stop.
        failure: the sentence that says why it failed last, if it did.
        parts: its parts, as of this or the last run.
        environment: the `PARLEY_` variables with which anything finds it; they hold keys.
    """

    running: bool
    phase: str
    failure: str | None
    parts: tuple[PartStatus, ...]
    environment: dict[str, str]


async def run(
    state_dir: Path,
    *,
    parts: Sequence[str] = ALL_PARTS,
    ports: Mapping[str, int] | None = None,
    on_event: Callable[[StackEvent], None] = lambda _: None,
    on_ready: Callable[[Stack], None] = lambda _: None,
) -> None:
    """Run a stack until SIGINT or SIGTERM; a second signal makes the stop a hard one.

    Raises:
        AlreadyRunningError: another process runs a stack on the folder.
        ParleyError: it cannot start, or a part was given up; everything is stopped again.
    """
    stack = Stack(state_dir, parts=parts, ports=ports, on_event=on_event)
    task = asyncio.current_task()
    assert task is not None, "called from a task"
    signals = 0

    def on_signal() -> None:
        nonlocal signals
        signals += 1
        if signals == 1:
            task.cancel()
        else:
            stack.hurry()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        async with stack:
            on_ready(stack)
            await stack.wait()
    except asyncio.CancelledError:
        if not signals:  # somebody else's cancellation
            raise
        task.uncancel()
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def up(
    state_dir: Path,
    foreground: bool = True,
    *,
    parts: Sequence[str] = ALL_PARTS,
    ports: Mapping[str, int] | None = None,
    on_event: Callable[[StackEvent], None] = lambda _: None,
    on_ready: Callable[[Stack], None] = lambda _: None,
) -> None:
    """Run a stack here until a signal, or start one that stays when this process ends.

    Args:
        state_dir: the state folder.
        foreground: run it in this process; else return as soon as it serves.
        parts: which parts to run.
        ports: ports that must be these, by the names in `plan.PART_PORTS`.
        on_event: told what happens, in the foreground.
        on_ready: called with the stack when all parts serve, in the foreground.

    Raises:
        AlreadyRunningError: another process runs a stack on the folder.
        ParleyError: it cannot start, or a part was given up; everything is stopped again.
    """
    if foreground:
        work = run(state_dir, parts=parts, ports=ports, on_event=on_event, on_ready=on_ready)
        asyncio.run(work)
    else:
        _start_detached(StateFolder(state_dir), parts, ports or {})


def _start_detached(folder: StateFolder, parts: Sequence[str], ports: Mapping[str, int]) -> None:
    folder.make()
    if is_held(folder.lock):
        raise AlreadyRunningError(f"A stack is already running on {folder.path}.")
    log = folder.logs / "stack.log"
    command = [sys.executable, "-m", "parley_cli.stack", str(folder.path), "--parts", *parts]
    command += [word for name, port in ports.items() for word in ("--port", f"{name}={port}")]
    with log.open("ab") as output:
        supervisor = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + _START_PATIENCE_S
    while time.monotonic() < deadline:
        state = folder.read()
        if state and state.supervisor_pid == supervisor.pid and state.phase == "ready":
            return
        if supervisor.poll() is not None:
            failure = state.failure if state and state.phase == "failed" else None
            said = last_lines(log)[-1:] or ["it said nothing"]
            raise SetupError(failure or f"The stack could not start: {said[0]}")
        time.sleep(_POLL_S)
    supervisor.terminate()
    raise SetupError(f"The stack does not serve after {_START_PATIENCE_S:g} s: see {log}.")


def down(state_dir: Path) -> bool:
    """Stop the stack of this folder, and what an earlier one may have left behind.

    Returns:
        Whether anything ran.
    """
    folder = StateFolder(state_dir)
    state = folder.read()
    if state is None:
        return False
    ran = is_held(folder.lock)
    if ran and state.supervisor_pid:
        _stop_supervisor(folder, state.supervisor_pid)
    state = folder.read() or StackState()
    for part in state.parts.values():
        if part.pid and part.created_s:
            ran |= kill_left_over(part.pid, part.created_s)
    return ran


def _stop_supervisor(folder: StateFolder, pid: int) -> None:
    for number, patience_s in ((signal.SIGTERM, _STOP_PATIENCE_S), (signal.SIGKILL, 5.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if not is_held(folder.lock):
                return
            time.sleep(_POLL_S)
    raise SetupError(f"The stack's supervisor (pid {pid}) does not end.")


def status(state_dir: Path) -> StackStatus:
    """How the stack of this folder is, by what it wrote and by which processes live."""
    folder = StateFolder(state_dir)
    state = folder.read() or StackState()
    running = is_held(folder.lock)
    return StackStatus(
        running=running,
        phase=state.phase if running or state.phase == "failed" else "stopped",
        failure=state.failure,
        parts=tuple(
            PartStatus(
                name=name,
                pid=part.pid if _lives(part) else None,
                url=part.url,
                log=Path(part.log),
                restarts=part.restarts,
            )
            for name, part in state.parts.items()
        ),
        environment=state.environment,
    )


def _lives(part: PartState) -> bool:
    return bool(part.pid and part.created_s and lives(part.pid, part.created_s))
