"""The command `parley` as a person runs it: a process of its own on a state folder."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from parley_cli.stack.state import StateFolder

Family = dict[int, float]
"""Processes by pid, with the time of their creation: pids come again."""


def start(state_dir: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the command; its output is text, standard error with standard output."""
    return subprocess.Popen(
        [sys.executable, "-m", "parley_cli.main", *arguments, "--state-dir", str(state_dir)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(state_dir: Path, *arguments: str) -> str:
    """Run the command to its end, which has to be a good one; returns what it printed."""
    process = start(state_dir, *arguments)
    said, _ = process.communicate()
    assert process.returncode == 0, said
    return said


def ask(state_dir: Path, *arguments: str) -> Any:
    """What the command prints as JSON."""
    return json.loads(run(state_dir, *arguments, "--json"))


def family_of(pid: int) -> Family:
    """A process and all its descendants."""
    root = psutil.Process(pid)
    return {p.pid: p.create_time() for p in [root, *root.children(recursive=True)]}


def alive(family: Family, within_s: float = 5.0) -> list[str]:
    """The processes of a family that still run, after a moment in which they may end."""
    running = [p for p in psutil.process_iter() if family.get(p.pid) == p.create_time()]
    _, left = psutil.wait_procs(running, timeout=within_s)
    return [" ".join(process.cmdline()) for process in left]


def supervisor_pid(state_dir: Path) -> int:
    """The process that runs the stack of a state folder."""
    state = StateFolder(state_dir).read()
    assert state is not None
    assert state.supervisor_pid is not None
    return state.supervisor_pid


def listening(state_dir: Path) -> list[int]:
    """The ports of the folder's stack that somebody listens on."""
    state = StateFolder(state_dir).read()
    assert state is not None
    ports = set(state.ports.values())
    connections = psutil.net_connections()
    used = [c.laddr.port for c in connections if c.laddr and c.status == psutil.CONN_LISTEN]
    return sorted(ports & set(used))
