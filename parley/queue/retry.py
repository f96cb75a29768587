"""Show a failed message again soon.

Lambda leaves a failed message hidden until the queue's visibility timeout, which for a
transcription is 90 minutes: long enough that throttled deliveries do not run twice, far too long to
wait because the database was away for a moment.
"""

from parley.errors import ParleyError
from parley.queue.handback import RUNNER_ARN
from parley.settings import Settings
from parley.telemetry.logs import get_logger

log = get_logger("queue")

_GROWTH = 4  # 30 s, 2 min, 8 min
_LONGEST_S = 900


def wait_s(first_s: float, receives: int) -> int:
    """Seconds until a message is seen again after it was received so many times."""
    return int(min(_LONGEST_S, max(1.0, first_s * _GROWTH ** (receives - 1))))


def retry_soon(settings: Settings, event_source_arn: str, receipt: str, receives: int) -> None:
    """Shorten the wait of a message that failed; best effort, the queue's own wait remains.

    Args:
        settings: the first wait.
        event_source_arn: the record's `eventSourceARN`; the local runner waits by itself.
        receipt: the record's `receiptHandle`.
        receives: its `ApproximateReceiveCount`.
    """
    if event_source_arn.startswith(RUNNER_ARN):
        return
    from parley.queue.sqs import Queue  # boto3 takes 0.3 s to import: only where it is needed

    seconds = wait_s(settings.retry_seconds, receives)
    try:
        Queue.of_arn(settings, event_source_arn).hide(receipt, seconds)
    except ParleyError as error:
        log.warning("message not shown sooner", reason=error.code)
