"""What a function on Lambda tells about itself: metrics by EMF, and log lines that can be tied.

Metrics go out as one JSON line an invocation (CloudWatch's embedded metric format, through
powertools), so counting costs no call. Elsewhere `count` does nothing: the API and the fleet have
their own pages for Prometheus. Logs are structlog's everywhere; here they carry the request id.
"""

import functools
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import structlog

if TYPE_CHECKING:
    from aws_lambda_powertools import Metrics

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


def count(name: str, value: float = 1, unit: Unit = "Count") -> None:
    """Add to a metric of this invocation, dimension `service`; nothing outside of Lambda.

    Args:
        name: in CloudWatch's way, `TracksTranscribed`.
        value: how much.
        unit: CloudWatch's unit.
    """
    if on_lambda():
        _metrics().add_metric(name=name, unit=unit, value=value)


def instrumented(handler: Handler[T]) -> Handler[T]:
    """A handler that sends its metrics after each call and whose log lines carry the request id.

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

    return run
