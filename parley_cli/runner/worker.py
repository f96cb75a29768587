"""Inside a worker process: load one function's handler and run the events it is sent."""

import importlib
import os
import signal
import sys
import threading
import traceback
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Any

from parley_cli.runner.messages import Context


@dataclass(frozen=True)
class Request:
    """One run: the event and what its context says."""

    event: dict[str, Any]
    request_id: str
    timeout_s: float


@dataclass(frozen=True)
class Reply:
    """How a run ended: the handler's answer, or its error in a line."""

    answer: Any = None
    error: str | None = None


def main(connection: Connection, name: str, arn: str, handler: str, niceness: int) -> None:
    """Answer requests until the runner goes away.

    Args:
        connection: requests come in, replies go out.
        name: the function's name.
        arn: the function's ARN.
        handler: module and function, as Lambda writes it.
        niceness: added to this process's nice value.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the runner's to handle
    threading.Thread(target=_die_with_the_runner, daemon=True).start()
    os.nice(niceness)
    os.environ.setdefault("AWS_LAMBDA_FUNCTION_NAME", name)
    os.environ.setdefault("POWERTOOLS_SERVICE_NAME", name)
    module_name, _, function_name = handler.rpartition(".")
    try:
        module = importlib.import_module(module_name)
        function = getattr(module, function_name)
    except Exception as error:
        traceback.print_exc(file=sys.stderr)
        connection.send(Reply(error=f"{handler} can't be imported: {error}"))
        return
    connection.send(Reply())  # ready
    while True:
        try:
            request: Request = connection.recv()
        except EOFError:
            return
        context = Context(name, arn, request.request_id, request.timeout_s)
        try:
            reply = Reply(answer=function(request.event, context))
        except Exception as error:
            traceback.print_exc(file=sys.stderr)
            reply = Reply(error=f"{type(error).__name__}: {error}")
        connection.send(reply)


def _die_with_the_runner() -> None:
    """A run goes on by itself otherwise, and the next runner would start it a second time."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
