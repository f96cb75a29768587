"""The events and the context that AWS would hand to a function, in the same shapes."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


def sqs_event(
    *, message_id: str, body: str, receives: int, first_ms: int, now_ms: int, queue_arn: str
) -> dict[str, Any]:
    """An SQS batch of one message, as Lambda's event source mapping delivers it.

    Args:
        message_id: stays the same over all deliveries.
        body: the message.
        receives: how often it has been delivered, this time included.
        first_ms: when it was first delivered.
        now_ms: now.
        queue_arn: the queue.
    """
    record = {
        "messageId": message_id,
        "receiptHandle": f"{message_id}:{receives}",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": str(receives),
            "SentTimestamp": str(first_ms),
            "SenderId": "parley-runner",
            "ApproximateFirstReceiveTimestamp": str(first_ms if receives > 1 else now_ms),
        },
        "messageAttributes": {},
        "md5OfBody": hashlib.md5(body.encode(), usedforsecurity=False).hexdigest(),
        "eventSource": "aws:sqs",
        "eventSourceARN": queue_arn,
        "awsRegion": "local",
    }
    return {"Records": [record]}


def failed_messages(answer: object) -> set[str]:
    """The message ids that a handler's answer asks to be delivered again.

    As with Lambda's ReportBatchItemFailures: no answer or an empty list is success; an answer of
    another form is failure of the whole batch, here shown as the id `""`.
    """
    if not answer:
        return set()
    if not isinstance(answer, dict):
        return {""}
    failures = answer.get("batchItemFailures") or []
    if not isinstance(failures, list):
        return {""}
    return {str(f.get("itemIdentifier", "")) if isinstance(f, dict) else "" for f in failures}


def schedule_event(*, event_id: str, name: str, now_ms: int) -> dict[str, Any]:
    """An EventBridge scheduled event."""
    at = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "version": "0",
        "id": event_id,
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": "local",
        "time": at,
        "region": "local",
        "resources": [f"arn:parley:events:local::rule/{name}"],
        "detail": {},
    }


@dataclass
class Context:
    """What Lambda passes as context; the names are Lambda's."""

    function_name: str
    invoked_function_arn: str
    aws_request_id: str
    timeout_s: float
    function_version: str = "$LATEST"
    memory_limit_in_mb: int = 10_240
    log_group_name: str = ""
    log_stream_name: str = ""
    monotonic: Callable[[], float] = time.monotonic
    began: float = field(init=False)

    def __post_init__(self) -> None:
        """Start the clock."""
        self.began = self.monotonic()

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the run is killed."""
        return max(0, round((self.timeout_s - (self.monotonic() - self.began)) * 1000))
