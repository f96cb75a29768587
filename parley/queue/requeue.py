"""Put a recording into the queue as if it had just been uploaded."""

import asyncio
import json
from typing import Protocol

from parley.queue.handback import RUNNER_ARN, hand_back
from parley.settings import Settings


class Requeue(Protocol):
    """Whoever takes recordings to be transcribed."""

    async def recording(self, bucket: str, key: str) -> None:
        """Queue the recording under this key; raises `QueueUnavailableError`."""


class RunnerRequeue:
    """The local function runner's queue."""

    def __init__(self, settings: Settings) -> None:
        """Use the runner that the settings name."""
        self._settings = settings

    async def recording(self, bucket: str, key: str) -> None:
        """Queue the recording under this key."""
        await hand_back(self._settings, RUNNER_ARN, object_created(bucket, key))


class SqsRequeue:
    """The SQS queue behind the bucket."""

    def __init__(self, settings: Settings, url: str) -> None:
        """Use the queue with this URL."""
        self._settings, self._url = settings, url

    async def recording(self, bucket: str, key: str) -> None:
        """Queue the recording under this key."""
        from parley.queue.sqs import Queue  # boto3 takes 0.3 s to import: only where it is needed

        queue = Queue.of_url(self._settings, self._url)
        await asyncio.to_thread(queue.send, object_created(bucket, key))


def requeue_of(settings: Settings) -> Requeue:
    """The queue that the settings name."""
    return (
        SqsRequeue(settings, settings.queue_url) if settings.queue_url else RunnerRequeue(settings)
    )


def object_created(bucket: str, key: str) -> str:
    """An S3 event that says that the object was created."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": {"key": key}},
    }
    return json.dumps({"Records": [record]})
