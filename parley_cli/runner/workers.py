"""The runner's side of a worker process: start it, send it an event, kill it when it is late."""

import asyncio
import multiprocessing
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Any

from parley.errors import ParleyError
from parley.telemetry.logs import get_logger
from parley_cli.runner import worker
from parley_cli.runner.functions import LocalFunction
from parley_cli.runner.worker import Reply, Request

log = get_logger("runner")

_SPAWN = multiprocessing.get_context("spawn")  # fork copies the runner's threads' locks
_START_S = 120


class RunFailedError(ParleyError):
    """A run did not end well: the handler raised, its process died, or it took too long."""

    retryable = True
    code = "run-failed"


class Worker:
    """One worker process of a function; started when first needed and after each death."""

    def __init__(self, function: LocalFunction) -> None:
        """Run this function's handler."""
        self.function = function
        self._process: SpawnProcess | None = None
        self._connection: Connection | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while there is one."""
        return self._process.pid if self._process and self._process.is_alive() else None

    async def start(self) -> None:
        """Start the process and import the handler, unless that is done.

        Raises:
            RunFailedError: the handler cannot be imported, or importing it takes too long.
        """
        if self.pid is not None:
            return
        await self.stop()
        ours, theirs = _SPAWN.Pipe()
        f = self.function
        self._connection = ours
        self._process = _SPAWN.Process(
            target=worker.main,
            args=(theirs, f.name, f.arn, f.handler, f.niceness),
            name=f"parley-{f.name}",
            daemon=True,
        )
        self._process.start()
        theirs.close()
        reply = await self._reply(_START_S)
        if reply.error:
            await self.stop()
            raise RunFailedError(reply.error)

    async def run(self, event: dict[str, Any], request_id: str) -> Any:
        """Run the handler on an event.

        Returns:
            Its answer.

        Raises:
            RunFailedError: it raised, its process died, or the function's timeout passed (the
                process is killed then).
        """
        await self.start()
        assert self._connection is not None
        timeout_s = self.function.timeout_s
        try:
            self._connection.send(Request(event, request_id, timeout_s))
        except OSError:
            await self.stop()
            raise RunFailedError("the worker process died before it got the event") from None
        reply = await self._reply(timeout_s)
        if reply.error:
            raise RunFailedError(reply.error)
        return reply.answer

    async def stop(self) -> None:
        """Kill the process, if there is one; its run is lost."""
        process, self._process = self._process, None
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        if process is not None:
            process.kill()
            await _readable(process.sentinel, 10)
            process.join()
            process.close()

    async def _reply(self, timeout_s: float) -> Reply:
        assert self._connection is not None
        assert self._process is not None
        try:
            await _readable(self._connection.fileno(), timeout_s)
            reply: Reply = self._connection.recv()
        except TimeoutError:
            await self.stop()
            raise RunFailedError(f"it took longer than {timeout_s:g} s and was stopped") from None
        except (EOFError, OSError):
            code = await _exit_code(self._process)
            await self.stop()
            log.warning("worker died", function=self.function.name, exit_code=code)
            raise RunFailedError(f"the worker process died ({_describe(code)})") from None
        return reply


async def _readable(descriptor: int, timeout_s: float) -> None:
    """Wait until a descriptor can be read or is closed by the other side."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(descriptor, ready.set)
    try:
        async with asyncio.timeout(timeout_s):
            await ready.wait()
    finally:
        loop.remove_reader(descriptor)


async def _exit_code(process: SpawnProcess) -> int | None:
    await _readable(process.sentinel, 10)
    process.join(0)
    return process.exitcode


def _describe(code: int | None) -> str:
    if code is not None and code < 0:
        return f"signal {-code}" + (", perhaps out of memory" if code == -9 else "")
    return f"exit status {code}"
