"""How soon a failed message is tried again."""

from typing import Any

import pytest

from parley.queue import sqs
from parley.queue.handback import QueueUnavailableError
from parley.queue.retry import retry_soon, wait_s
from parley.settings import Settings

ARN = "arn:aws:sqs:eu-west-1:123456789012:recordings"


@pytest.mark.parametrize(
    ("first_s", "receives", "expected"),
    [(30, 1, 30), (30, 2, 120), (30, 3, 480), (30, 9, 900), (0.1, 1, 1)],
)
def test_the_wait_grows_to_a_quarter_of_an_hour(
    first_s: float, receives: int, expected: int
) -> None:
    assert wait_s(first_s, receives) == expected


class Hidden:
    """Notes what is asked of SQS; fails when told to."""

    calls: list[tuple[str, str, int]]

    def __init__(self, error: Exception | None = None) -> None:
        self.calls, self._error = [], error

    def of_arn(self, settings: Settings, arn: str) -> Any:
        self._arn = arn
        return self

    def hide(self, receipt: str, seconds: int) -> None:
        if self._error:
            raise self._error
        self.calls.append((self._arn, receipt, seconds))


def test_a_failed_message_is_shown_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Hidden()
    monkeypatch.setattr(sqs, "Queue", queue)
    retry_soon(Settings(_env_file=None, retry_seconds=5), ARN, "r", 2)
    assert queue.calls == [(ARN, "r", 20)]


def test_the_local_runner_is_left_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Hidden()
    monkeypatch.setattr(sqs, "Queue", queue)
    retry_soon(Settings(_env_file=None), "arn:parley:runner:jobs", "r", 1)
    assert queue.calls == []


def test_a_queue_that_is_away_does_not_hide_the_job_s_own_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sqs, "Queue", Hidden(QueueUnavailableError("away")))
    retry_soon(Settings(_env_file=None), ARN, "r", 1)
