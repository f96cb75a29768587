"""The transcription job without Lambda: `python -m functions.whisper_job.worker` polls the queue.

For machines with a GPU, and for those who leave Lambda. It hands each message to the same handler,
in the shape that Lambda gives it, and keeps the message hidden only a few minutes ahead, so that
the message of a killed worker comes back soon. `PARLEY_QUEUE_URL` names the queue.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Protocol, cast

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.whisper_job.handler import handler
from parley.errors import ParleyError, SetupError
from parley.queue.sqs import LONG_POLL_S, Queue
from parley.settings import load_settings
from parley.telemetry.logs import configure_logs, get_logger

log = get_logger("worker")

AHEAD_S = 300
"""How long a message stays hidden if its worker is gone."""

_RETRY_S = (30, 120)
"""Seconds until a failed message is seen again, after its first and later receives."""

_DAY_MS = 24 * 3600 * 1000
_LAST_MS = 0

Handle = Callable[[dict[str, Any], LambdaContext], Any]


class MessageQueue(Protocol):
    """What the worker asks of a queue; `parley.queue.sqs.Queue` is one."""

    @property
    def arn(self) -> str:
        """The queue's ARN."""
        ...

    def receive(self, *, wait_s: int = LONG_POLL_S) -> dict[str, Any] | None:
        """One message, or None."""
        ...

    def delete(self, receipt: str) -> None:
        """Remove a message."""
        ...

    def hide(self, receipt: str, seconds: int) -> None:
        """Keep a message hidden for so many seconds from now."""
        ...


class WorkerContext:
    """What the handler reads of Lambda's context: time without end, until the worker is stopped."""

    function_name = "whisper-worker"
    aws_request_id = ""

    def __init__(self, stopping: threading.Event) -> None:
        """Say that no time remains once this event is set: the job hands the rest back."""
        self._stopping = stopping

    def get_remaining_time_in_millis(self) -> int:
        """A day, or nothing."""
        return _LAST_MS if self._stopping.is_set() else _DAY_MS


class Worker:
    """Takes messages one at a time until it is stopped."""

    def __init__(
        self,
        queue: MessageQueue,
        *,
        alive: Path,
        handle: Handle = handler,
        ahead_s: int = AHEAD_S,
        stopping: threading.Event | None = None,
    ) -> None:
        """Prepare.

        Args:
            queue: where messages come from.
            alive: a file that is touched while the worker lives; a health check looks at its age.
            handle: the Lambda handler.
            ahead_s: how long a message in hand is kept hidden ahead, in seconds.
            stopping: set it to end the worker.
        """
        self.stopping = stopping or threading.Event()
        self._queue = queue
        self._alive = alive
        self._handle = handle
        self._ahead_s = ahead_s

    def run(self) -> None:
        """Work until `stopping` is set; a message in hand is finished or handed back first."""
        arn = self._queue.arn
        while not self.stopping.is_set():
            self._touch()
            try:
                message = self._queue.receive()
                if message is not None:
                    self._work(message, arn)
            except ParleyError as error:
                if not error.retryable:
                    raise
                log.warning("queue not reached", reason=error.code)
                self.stopping.wait(5)

    def _work(self, message: dict[str, Any], arn: str) -> None:
        receipt = message["ReceiptHandle"]
        receives = int(message.get("Attributes", {}).get("ApproximateReceiveCount", "1"))
        with self._hidden(receipt):
            context = cast(LambdaContext, WorkerContext(self.stopping))
            answer = self._handle({"Records": [_record(message, arn)]}, context)
        if answer["batchItemFailures"]:
            wait_s = _RETRY_S[0] if receives == 1 else _RETRY_S[1]
            self._queue.hide(receipt, wait_s)
            log.warning("message failed", message_id=message["MessageId"], again_in_s=wait_s)
        else:
            self._queue.delete(receipt)

    @contextmanager
    def _hidden(self, receipt: str) -> Iterator[None]:
        """Keep the message hidden, and the worker known to be alive, while the block runs."""
        done = threading.Event()
        self._queue.hide(receipt, self._ahead_s)

        def extend() -> None:
            while not done.wait(self._ahead_s / 3):
                self._touch()
                try:
                    self._queue.hide(receipt, self._ahead_s)
                except ParleyError as error:
                    log.warning("message not kept hidden", reason=error.code)

        thread = threading.Thread(target=extend, name="hide", daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _touch(self) -> None:
        self._alive.parent.mkdir(parents=True, exist_ok=True)
        self._alive.touch()


def _record(message: dict[str, Any], arn: str) -> dict[str, Any]:
    """A received message in the shape of Lambda's SQS events."""
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": arn.split(":")[3],
    }


def main() -> int:
    """Work until SIGTERM or SIGINT; the exit status is 1 when it could not begin."""
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    try:
        if not (url := os.environ.get("PARLEY_QUEUE_URL")):
            raise SetupError("PARLEY_QUEUE_URL should name the queue of recordings.")
        worker = Worker(Queue.of_url(settings, url), alive=settings.state_dir / "worker.alive")

        def stop(_signal: int, _frame: FrameType | None) -> None:
            worker.stopping.set()

        signal.signal(signal.SIGTERM, stop)
        signal.signal(signal.SIGINT, stop)
        worker.run()
    except ParleyError as error:
        print(f"whisper_job.worker: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
