"""The queue-polling worker: messages that are done, failed, long or interrupted."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from functions.whisper_job.worker import Worker
from parley.errors import SetupError
from parley.queue.handback import QueueUnavailableError

ARN = "arn:aws:sqs:eu-west-1:123456789012:recordings"


class Memory:
    """A queue in memory that notes what is done with its messages; stops the worker at its end."""

    arn = ARN

    def __init__(self, *bodies: str, receives: int = 1) -> None:
        self.waiting = [
            {
                "MessageId": f"m{n}",
                "ReceiptHandle": f"r{n}",
                "Body": body,
                "Attributes": {"ApproximateReceiveCount": str(receives)},
            }
            for n, body in enumerate(bodies)
        ]
        self.deleted: list[str] = []
        self.hidden: list[tuple[str, int]] = []
        self.hidden_again = threading.Event()
        self.at_end: Callable[[], None] = lambda: None

    def receive(self, *, wait_s: int = 20) -> dict[str, Any] | None:
        if self.waiting:
            return self.waiting.pop(0)
        self.at_end()
        return None

    def delete(self, receipt: str) -> None:
        self.deleted.append(receipt)

    def hide(self, receipt: str, seconds: int) -> None:
        if (receipt, seconds) in self.hidden:
            self.hidden_again.set()
        self.hidden.append((receipt, seconds))


def work(queue: Memory, tmp_path: Path, handle: Callable[..., Any], **options: Any) -> Worker:
    worker = Worker(queue, alive=tmp_path / "state" / "alive", handle=handle, **options)
    queue.at_end = worker.stopping.set
    worker.run()
    return worker


def done(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return {"batchItemFailures": []}


def failed(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return {"batchItemFailures": [{"itemIdentifier": event["Records"][0]["messageId"]}]}


def test_a_message_that_is_done_is_deleted(tmp_path: Path) -> None:
    queue, seen = Memory("one", "two"), []

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        seen.append(event["Records"][0])
        assert context.get_remaining_time_in_millis() > 3_600_000
        return done(event, context)

    work(queue, tmp_path, handle)
    assert queue.deleted == ["r0", "r1"]
    assert [record["body"] for record in seen] == ["one", "two"]
    assert (seen[0]["eventSourceARN"], seen[0]["awsRegion"]) == (ARN, "eu-west-1")
    assert (tmp_path / "state" / "alive").exists()


@pytest.mark.parametrize(("receives", "wait_s"), [(1, 30), (2, 120)])
def test_a_message_that_failed_comes_back_soon(tmp_path: Path, receives: int, wait_s: int) -> None:
    queue = Memory("one", receives=receives)
    work(queue, tmp_path, failed)
    assert queue.deleted == []
    assert queue.hidden == [("r0", 300), ("r0", wait_s)]


def test_a_message_in_hand_is_kept_hidden(tmp_path: Path) -> None:
    queue = Memory("long")

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        assert queue.hidden_again.wait(10)
        return done(event, context)

    work(queue, tmp_path, handle, ahead_s=0.03)
    assert len(queue.hidden) >= 2
    assert queue.deleted == ["r0"]


def test_a_stopped_worker_leaves_no_time_and_takes_no_more(tmp_path: Path) -> None:
    queue = Memory("one", "two")
    stopping = threading.Event()

    def handle(event: dict[str, Any], context: Any) -> dict[str, Any]:
        stopping.set()  # as SIGTERM does
        assert context.get_remaining_time_in_millis() == 0
        return done(event, context)

    work(queue, tmp_path, handle, stopping=stopping)
    assert queue.deleted == ["r0"]
    assert [message["Body"] for message in queue.waiting] == ["two"]


def test_a_queue_that_is_away_for_a_while_is_asked_again(tmp_path: Path) -> None:
    class Away(Memory):
        fails = 1

        def receive(self, *, wait_s: int = 20) -> dict[str, Any] | None:
            if self.fails:
                self.fails -= 1
                raise QueueUnavailableError("away")
            return super().receive(wait_s=wait_s)

    class Impatient(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            return super().wait(0)

    queue = Away("one")
    work(queue, tmp_path, done, stopping=Impatient())
    assert queue.deleted == ["r0"]


def test_what_no_retry_can_mend_ends_the_worker(tmp_path: Path) -> None:
    class Wrong(Memory):
        def receive(self, *, wait_s: int = 20) -> dict[str, Any] | None:
            raise SetupError("no such queue")

    with pytest.raises(SetupError, match="no such queue"):
        work(Wrong(), tmp_path, done)
