"""The one module that knows SQS: send, receive, delete, and keep a message hidden."""

from typing import TYPE_CHECKING, Any, Self

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from parley.errors import SetupError
from parley.queue.handback import QueueUnavailableError
from parley.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

LONG_POLL_S = 20


class Queue:
    """One SQS queue; every call blocks."""

    def __init__(self, client: "SQSClient", url: str) -> None:
        """Use this client and queue URL."""
        self._sqs = client
        self.url = url

    @classmethod
    def of_url(cls, settings: Settings, url: str) -> Self:
        """The queue with this URL."""
        return cls(_client(settings), url)

    @classmethod
    def of_arn(cls, settings: Settings, arn: str) -> Self:
        """The queue with this ARN (`arn:aws:sqs:region:account:name`).

        Raises:
            SetupError: it is not a queue's ARN.
            QueueUnavailableError: SQS does not know it or cannot be reached.
        """
        parts = arn.split(":")
        if len(parts) != 6 or parts[2] != "sqs":
            raise SetupError(f"{arn!r} is not the ARN of an SQS queue")
        client = _client(settings, region=parts[3])
        try:
            found = client.get_queue_url(QueueName=parts[5], QueueOwnerAWSAccountId=parts[4])
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailableError("SQS does not answer for the queue") from error
        return cls(client, found["QueueUrl"])

    @property
    def arn(self) -> str:
        """The queue's ARN."""
        found = self._call("get_queue_attributes", QueueUrl=self.url, AttributeNames=["QueueArn"])
        return str(found["Attributes"]["QueueArn"])

    def send(self, body: str) -> None:
        """Put a message into the queue."""
        self._call("send_message", QueueUrl=self.url, MessageBody=body)

    def receive(self, *, wait_s: int = LONG_POLL_S) -> dict[str, Any] | None:
        """One message, waiting for it up to `wait_s` seconds; None when there is none."""
        found = self._call(
            "receive_message",
            QueueUrl=self.url,
            MaxNumberOfMessages=1,
            WaitTimeSeconds=wait_s,
            MessageSystemAttributeNames=["All"],
        )
        messages = found.get("Messages") or []
        return messages[0] if messages else None

    def delete(self, receipt: str) -> None:
        """Remove a received message."""
        self._call("delete_message", QueueUrl=self.url, ReceiptHandle=receipt)

    def hide(self, receipt: str, seconds: int) -> None:
        """Let nobody else receive a message for so many seconds from now; 0 shows it again."""
        self._call(
            "change_message_visibility",
            QueueUrl=self.url,
            ReceiptHandle=receipt,
            VisibilityTimeout=seconds,
        )

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._sqs, operation)(**arguments)
        except (BotoCoreError, ClientError) as error:
            raise QueueUnavailableError(f"SQS refused {operation}") from error
        return answer


def _client(settings: Settings, region: str | None = None) -> "SQSClient":
    return boto3.client(
        "sqs",
        region_name=region or settings.s3_region,
        config=Config(
            connect_timeout=5,
            read_timeout=LONG_POLL_S + 10,
            retries={"mode": "standard", "max_attempts": 3},
        ),
    )
