"""Structured logging: one JSON object a line on stderr, fields that must never leak masked.

On Lambda the lines are written by powertools' Logger (`lambda_run.py`), to stdout.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any, Literal

import structlog

from parley.telemetry.lambda_run import lambda_logger, on_lambda

SECRET_FIELDS = frozenset(
    {"text", "words", "transcript", "audio", "token", "key", "secret", "authorization", "password"}
)

_RESERVED = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime"})
"""What the standard library's records have already."""


def _mask(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name in event.keys() & SECRET_FIELDS:
        event[name] = "***"
    return event


def configure_logs(level: str = "INFO", form: Literal["json", "console"] = "json") -> None:
    """Route structlog and the standard library's loggers to stderr.

    Args:
        level: least severe level written.
        form: `json` for machines, `console` for people.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _mask,
    ]
    if on_lambda():
        _configure_for_lambda(level, shared)
        return
    renderer: Any = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
        if form == "console"
        else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    _to_root(handler, level)


def _configure_for_lambda(level: str, shared: list[Any]) -> None:
    logger = lambda_logger()
    logger.setLevel(level)
    structlog.configure(
        processors=[*shared, _for_powertools],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=lambda *_: logger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logger.registered_formatter)
    _to_root(handler, level)


def _for_powertools(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> tuple[tuple[str], dict[str, Any]]:
    """A line as powertools' Logger takes it; level and time are its own."""
    fields = {
        f"{name}_" if name in _RESERVED else name: value
        for name, value in event.items()
        if name not in ("event", "level", "timestamp")
    }
    return (str(event["event"]),), {"extra": fields}


def _to_root(handler: logging.Handler, level: str) -> None:
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in ("httpx", "httpcore", "botocore", "boto3", "urllib3", "pymongo", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger that names its part of the system in the field `part`."""
    logger: structlog.stdlib.BoundLogger = structlog.get_logger(part=name)
    return logger
