"""Metrics on Lambda: one line an invocation, none elsewhere, also when the handler fails."""

import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from aws_lambda_powertools import Tracer
from aws_xray_sdk import global_sdk_config
from aws_xray_sdk.core.context import Context
from aws_xray_sdk.core.recorder import AWSXRayRecorder

from parley.telemetry import lambda_run
from parley.telemetry.lambda_run import correlated, count, instrumented, traced
from parley.telemetry.logs import configure_logs, get_logger

CONTEXT = SimpleNamespace(
    aws_request_id="r-1",
    function_name="f",
    memory_limit_in_mb=128,
    invoked_function_arn="arn:aws:lambda:us-east-1:000000000000:function:f",
)


@pytest.fixture
def logs_restored() -> Iterator[None]:
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    structlog.configure(**before)
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture
def on_lambda(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "parley-summarize")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "summarize")
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
    caches = (lambda_run._metrics, lambda_run._tracer, lambda_run.lambda_logger)
    for cache in caches:
        cache.cache_clear()
    yield
    lambda_run._metrics().clear_metrics()
    for cache in caches:
        cache.cache_clear()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.usefixtures("on_lambda")
def test_what_a_call_counted_is_one_line_after_it(capsys: pytest.CaptureFixture[str]) -> None:
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
def test_a_call_that_failed_still_sends_what_it_counted(capsys: pytest.CaptureFixture[str]) -> None:
    @instrumented
    def handler(event: int, context: Any) -> int:
        count("TracksFailed")
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        handler(1, CONTEXT)
    (line,) = lines(capsys)
    assert line["TracksFailed"] == [1]


@pytest.mark.usefixtures("on_lambda")
def test_log_lines_of_a_call_carry_its_request_id() -> None:
    @instrumented
    def handler(event: int, context: Any) -> dict[str, Any]:
        return structlog.contextvars.get_contextvars()

    assert handler(1, CONTEXT)["request_id"] == "r-1"
    assert "request_id" not in structlog.contextvars.get_contextvars()


@pytest.mark.usefixtures("on_lambda", "logs_restored")
def test_powertools_writes_the_log_lines_with_what_ties_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    @instrumented
    def handler(event: Any, context: Any) -> None:
        configure_logs("INFO")
        with correlated("EV_1", room_sid="RM_1"):
            get_logger("webhooks").info("handled", text="a word", name="x")
            logging.getLogger("library").warning("%s is slow", "it")
        get_logger("webhooks").debug("not shown")

    handler({"text": "a word", "authorization": "secret"}, CONTEXT)
    ours, theirs = (line for line in lines(capsys) if "message" in line)
    assert ours["message"] == "handled"
    assert ours["level"] == "INFO"
    assert ours["correlation_id"] == "EV_1"
    assert ours["room_sid"] == "RM_1"
    assert ours["function_request_id"] == "r-1"
    assert "cold_start" in ours
    assert ours["service"] == "summarize"
    assert (ours["part"], ours["text"], ours["name_"]) == ("webhooks", "***", "x")
    assert theirs["message"] == "it is slow"
    assert "a word" not in json.dumps([ours, theirs])


@pytest.mark.usefixtures("on_lambda")
def test_a_call_and_what_takes_long_in_it_are_segments_without_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "false")
    monkeypatch.setenv("LAMBDA_TASK_ROOT", "/var/task")
    sent: list[dict[str, Any]] = []
    emitter = SimpleNamespace(
        send_entity=lambda entity: sent.append(json.loads(entity.serialize()))
    )
    recorder = AWSXRayRecorder()
    recorder.configure(emitter=emitter, context=Context(), sampling=False, service="f")
    monkeypatch.setattr("aws_xray_sdk.core.xray_recorder", recorder)
    Tracer._reset_config()
    global_sdk_config.set_sdk_enabled(True)

    @instrumented
    def handler(event: Any, context: Any) -> str:
        with traced("transcribe", room_sid="RM_1"):
            return "what was said"

    with recorder.in_segment("invocation"):
        handler(1, CONTEXT)
    Tracer._reset_config()
    whole = json.dumps(sent)
    assert '"## run"' in whole
    assert '"## transcribe"' in whole
    assert '"room_sid": "RM_1"' in whole
    assert "what was said" not in whole


def test_elsewhere_nothing_is_counted_or_wrapped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)

    def handler(event: int, context: Any) -> int:
        count("SummariesMade")
        return event

    assert instrumented(handler) is handler
    assert handler(1, None) == 1
    assert capsys.readouterr().out == ""
