"""What a function on Lambda tells about itself, through powertools: metrics, log lines, traces.

Metrics go out as one JSON line an invocation (CloudWatch's embedded metric format), so counting
costs no call. Log lines are made by structlog everywhere; here powertools' Logger writes them, with
the request, the cold start and the correlation id, and never the event. Traces go to X-Ray: one
segment an invocation, one below it for what takes long; no answer is in them, for answers have
transcripts in them. Elsewhere all of this does nothing: the API and the fleet have their own pages
for Prometheus.
"""

import functools
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import structlog

if TYPE_CHECKING:
    from aws_lambda_powertools import Logger, Metrics, Tracer

T = TypeVar("T")
Unit = Literal["Count", "Seconds", "Milliseconds", "Bytes"]
Handler = Callable[[Any, Any], T]

_NAMESPACE = "Parley"


def on_lambda() -> bool:
    """Whether this process is a Lambda environment."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


@functools.lru_cache(maxsize=1)
def _metrics() -> "Metrics":
    from aws_lambda_powertools import Metrics

    return Metrics(namespace=os.environ.get("POWERTOOLS_METRICS_NAMESPACE", _NAMESPACE))


@functools.lru_cache(maxsize=1)
def lambda_logger() -> "Logger":
    """The writer of this environment's log lines."""
    from aws_lambda_powertools import Logger

    # Where a line comes from is its `part`: structlog stands between.
    return Logger(use_rfc3339=True, utc=True, location=None)


@functools.lru_cache(maxsize=1)
def _tracer() -> "Tracer":
    from aws_lambda_powertools import Tracer

    return Tracer(auto_patch=False)  # the drivers know no X-Ray, and patching takes a second


def count(name: str, value: float = 1, unit: Unit = "Count") -> None:
    """Add to a metric of this invocation, dimension `service`; nothing outside of Lambda.

    Args:
        name: in CloudWatch's way, `TracksTranscribed`.
        value: how much.
        unit: CloudWatch's unit.
    """
    if on_lambda():
        _metrics().add_metric(name=name, unit=unit, value=value)


@contextmanager
def correlated(correlation_id: str, **more: str) -> Iterator[None]:
    """Let all log lines of a block carry what ties them to those of other functions.

    Args:
        correlation_id: a webhook's event id, or the sid of the room that is worked on.
        more: further fields, as `room_sid`.
    """
    with structlog.contextvars.bound_contextvars(correlation_id=correlation_id, **more):
        yield


@contextmanager
def traced(name: str, **annotations: str) -> Iterator[None]:
    """A subsegment of this invocation's trace; nothing outside of Lambda.

    Args:
        name: what the block does.
        annotations: what traces can be searched by, as `room_sid`.
    """
    if not on_lambda():
        yield
        return
    with _tracer().provider.in_subsegment(name=f"## {name}") as segment:
        for key, value in annotations.items():
            if segment is not None:  # tracing is off
                segment.put_annotation(key, value)
        yield


def instrumented(handler: Handler[T]) -> Handler[T]:
    """A handler whose calls send their metrics, are traced, and say in each line who they are.

    Outside of Lambda it is the handler itself.
    """
    if not on_lambda():
        return handler
    starting = [True]

    def run(event: Any, context: Any) -> T:
        request_id = getattr(context, "aws_request_id", "")
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                if starting:
                    starting.clear()
                    count("ColdStarts")
                return handler(event, context)
            finally:
                if _metrics().metric_set:  # powertools warns of an empty one
                    _metrics().flush_metrics()

    logged = lambda_logger().inject_lambda_context(run, log_event=False, clear_state=True)
    followed: Handler[T] = _tracer().capture_lambda_handler(logged, capture_response=False)
    return followed
