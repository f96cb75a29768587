"""Put a message back to the end of its queue, so that another invocation goes on with it."""

import asyncio

import httpx

from parley.errors import ParleyError
from parley.settings import Settings

RUNNER_ARN = "arn:parley:runner:"
"""What the event source of the local function runner begins with."""


class QueueUnavailableError(ParleyError):
    """The queue cannot be reached now."""

    retryable = True
    code = "queue-unavailable"


async def hand_back(settings: Settings, event_source_arn: str, body: str) -> None:
    """Send a message to the queue it came from.

    Args:
        settings: where the local runner is.
        event_source_arn: the record's `eventSourceARN`.
        body: the message, as it was received.

    Raises:
        QueueUnavailableError: it was not taken.
    """
    if event_source_arn.startswith(RUNNER_ARN):
        await _to_runner(settings.runner_url, body)
        return
    from parley.queue.sqs import Queue  # boto3 takes 0.3 s to import: only where it is needed

    await asyncio.to_thread(Queue.of_arn(settings, event_source_arn).send, body)


async def _to_runner(url: str, body: str) -> None:
    try:
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.post(
                f"{url}/events/s3", content=body, headers={"content-type": "application/json"}
            )
            answer.raise_for_status()
    except httpx.HTTPError as error:
        raise QueueUnavailableError("the function runner did not take the message") from error
