"""Lambda entry, on a schedule: one run of the reconciler.

EventBridge may deliver one tick twice: the second delivery gets the first's report.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from parley.blobs import BlobStore
from parley.idempotency import MongoPersistence
from parley.livekit_api import LiveKit
from parley.queue.requeue import requeue_of
from parley.rooms.reconcile import Reconciler, Report
from parley.settings import Settings, load_settings
from parley.storage import Stores
from parley.storage.database import Database
from parley.telemetry.lambda_run import count, instrumented
from parley.telemetry.logs import configure_logs, get_logger

log = get_logger("reconcile")

_REMEMBERED_S = 3600
Handler = Callable[[dict[str, Any], LambdaContext], dict[str, Any]]


@instrumented
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Reconcile once.

    Args:
        event: a tick of EventBridge, once however often its `id` comes; or anything without an
            `id`, by hand.
        context: Lambda's; its remaining time says when a killed run's claim is free.

    Returns:
        How many rooms were looked at, which repairs were made, and how many rooms had trouble.
    """
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    if not event.get("id"):
        return _reconcile(event, context)
    try:
        return _once()(event, context)
    except IdempotencyAlreadyInProgressError:
        log.info("another delivery of this tick is at work")
        return _said(Report())


@lru_cache(maxsize=1)
def _once() -> Handler:
    layer = MongoPersistence(lambda: Database.from_settings(load_settings()))
    config = IdempotencyConfig(event_key_jmespath="id", expires_after_seconds=_REMEMBERED_S)
    wrapped: Handler = idempotent(persistence_store=layer, config=config)(_reconcile)
    return wrapped


def _reconcile(_event: dict[str, Any], _context: LambdaContext) -> dict[str, Any]:
    report = asyncio.run(run(load_settings()))
    count("Repairs", sum(report.repairs.values()))
    return _said(report)


def _said(report: Report) -> dict[str, Any]:
    return {"rooms": report.rooms, "repairs": dict(report.repairs), "failed": report.failed}


async def run(settings: Settings) -> Report:
    """One run with the servers that the settings name."""
    stores = Stores.from_settings(settings)
    try:
        async with LiveKit.from_settings(settings) as livekit:
            return await Reconciler(
                settings=settings,
                stores=stores,
                blobs=BlobStore.from_settings(settings),
                livekit=livekit,
                requeue=requeue_of(settings),
            ).once()
    finally:
        stores.close()
