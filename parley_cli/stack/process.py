"""One child process: started tied to us, watched until it serves, stopped by its pid."""

import asyncio
import os
import re
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

import psutil

from parley.errors import ParleyError, SetupError
from parley_cli.stack import tether
from parley_cli.stack.part import Part

_ROTATE_BYTES = 20 * 1024 * 1024
_PROBE_EVERY_S = 0.05
_KILL_PATIENCE_S = 5.0
_EXPLAINED = (
    (re.compile(r"no space left on device|disk.*full", re.I), "the disk is full: free some space"),
    (
        re.compile(r"address already in use|is taken|cannot assign", re.I),
        "its port is taken: stop what uses it or choose another",
    ),
)


class PartDiedError(ParleyError):
    """A part ended, or never began to serve; the message is one sentence."""

    retryable = True
    code = "part-died"


class PartProcess:
    """A running part."""

    def __init__(
        self, part: Part, process: asyncio.subprocess.Process, log: Path, log_from: int
    ) -> None:
        """Watch this process, whose own lines begin at this byte of the log; use `start`."""
        self.part = part
        self.log = log
        self.pid = process.pid
        self.created_s = _created_s(process.pid)
        self._process = process
        self._log_from = log_from

    @classmethod
    async def start(cls, part: Part, log: Path) -> "PartProcess":
        """Start the part in a session of its own, its output appended to the log file."""
        tied = [sys.executable, "-I", "-S", tether.__file__]
        command = [*tied, str(int(part.orphan_signal)), str(os.getpid()), *part.argv]
        try:
            with _open_log(log) as output:
                log_from = output.tell()
                process = await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env={**os.environ, **part.environment},
                    cwd=part.folder,
                    start_new_session=True,  # Ctrl-C reaches the supervisor alone
                )
        except OSError as error:
            raise SetupError(f"{part.name} cannot be started: {error.strerror}.") from error
        return cls(part, process, log, log_from)

    @property
    def alive(self) -> bool:
        """Whether it has not ended."""
        return self._process.returncode is None

    async def serving(self) -> None:
        """Wait until the probe is content; raises `PartDiedError` if it dies or takes too long."""
        deadline = time.monotonic() + self.part.ready_within_s
        while True:
            try:
                await self.part.probe()
            except Exception as error:
                if not self.alive:
                    raise self._died() from error
                if time.monotonic() > deadline:
                    raise PartDiedError(
                        f"{self.part.name} does not serve after {self.part.ready_within_s:g} s: "
                        f"see {self.log}."
                    ) from error
                await asyncio.sleep(_PROBE_EVERY_S)
            else:
                if not self.alive:  # somebody else answered on its port
                    raise self._died()
                return

    async def ended(self) -> PartDiedError:
        """Wait for its end, however it comes, and say it in a sentence."""
        await self._process.wait()
        return self._died()

    async def stop(self) -> None:
        """Send the part's stop signals in turn, then SIGKILL to all of its process group."""
        for number, patience_s in self.part.stop_signals:
            if not self.alive:
                break
            self._process.send_signal(number)
            try:
                async with asyncio.timeout(patience_s):
                    await self._process.wait()
            except TimeoutError:
                continue
        # The group is its own session's: what it started itself must not outlive it.
        self.kill()
        await self._process.wait()

    def kill(self) -> None:
        """Send SIGKILL to all of its process group, without waiting."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)

    def _died(self) -> PartDiedError:
        code = self._process.returncode or 0
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"
        tail = last_lines(self.log, since=self._log_from)
        for pattern, meaning in _EXPLAINED:
            if any(pattern.search(line) for line in tail):
                return PartDiedError(f"{self.part.name} {how}: {meaning} (log: {self.log}).")
        said = f", last saying: {tail[-1][:200]}" if tail else ""
        return PartDiedError(f"{self.part.name} {how}{said} (log: {self.log}).")


def _open_log(log: Path) -> IO[bytes]:
    if log.exists() and log.stat().st_size > _ROTATE_BYTES:
        log.replace(log.with_suffix(".log.1"))
    return log.open("ab")


def last_lines(log: Path, count: int = 20, *, since: int = 0) -> list[str]:
    """The last non-empty lines of a log file, none from before this byte."""
    try:
        with log.open("rb") as file:
            file.seek(max(since, log.stat().st_size - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line.strip() for line in text.splitlines() if line.strip()][-count:]


def lives(pid: int, created_s: float) -> bool:
    """Whether the pid still is the process that began then, and it has not ended."""
    try:
        process = psutil.Process(pid)
        return process.create_time() == created_s and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_left_over(pid: int, created_s: float) -> bool:
    """End a process that an earlier supervisor left; False when it is gone already."""
    if not lives(pid, created_s):
        return False
    process = psutil.Process(pid)
    process.terminate()
    try:
        process.wait(_KILL_PATIENCE_S)
    except psutil.TimeoutExpired:
        process.kill()
        process.wait(_KILL_PATIENCE_S)
    return True


def _created_s(pid: int) -> float:
    try:
        return psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:
        return 0.0
