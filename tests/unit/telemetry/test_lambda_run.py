"""Metrics on Lambda: one line an invocation, none elsewhere, also when the handler fails."""

import json
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import structlog

from parley.telemetry import lambda_run
from parley.telemetry.lambda_run import count, instrumented

CONTEXT = SimpleNamespace(aws_request_id="r-1", function_name="f")


@pytest.fixture
def on_lambda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "parley-summarize")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "summarize")
    lambda_run._metrics.cache_clear()
    yield
    lambda_run._metrics().clear_metrics()
    lambda_run._metrics.cache_clear()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("on_lambda")
def test_what_a_call_counted_is_one_line_after_it(capsys: pytest.CaptureFixture[str]):
    @instrumented
    def handler(event: int, context: Any) -> int:
        count("SummariesMade", event)
        count("SummariesMade", 1)
        return event

    assert handler(2, CONTEXT) == 2
    (first,) = lines(capsys)
    assert first["SummariesMade"] == [2, 1]
    assert first["ColdStarts"] == [1]
    assert first["service"] == "summarize"
    assert first["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Parley"
    handler(5, CONTEXT)
    (second,) = lines(capsys)
    assert second["SummariesMade"] == [5, 1]
    assert "ColdStarts" not in second


@pytest.mark.usefixtures("on_lambda")
def test_a_call_that_failed_still_sends_what_it_counted(capsys: pytest.CaptureFixture[str]):
    @instrumented
    def handler(event: int, context: Any) -> int:
        count("TracksFailed")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        handler(1, CONTEXT)
    (line,) = lines(capsys)
    assert line["TracksFailed"] == [1]


@pytest.mark.usefixtures("on_lambda")
def test_log_lines_of_a_call_carry_its_request_id():
    @instrumented
    def handler(event: int, context: Any) -> dict[str, Any]:
        return structlog.contextvars.get_contextvars()

    assert handler(1, CONTEXT)["request_id"] == "r-1"
    assert "request_id" not in structlog.contextvars.get_contextvars()


def test_elsewhere_nothing_is_counted_or_wrapped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)

    def handler(event: int, context: Any) -> int:
        count("SummariesMade")
        return event

    assert instrumented(handler) is handler
    assert handler(1, None) == 1
    assert capsys.readouterr().out == ""
