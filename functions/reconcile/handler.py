"""Lambda entry, on a schedule: one run of the reconciler."""

import asyncio
from typing import Any

from parley.blobs import BlobStore
from parley.livekit_api import LiveKit
from parley.queue.requeue import requeue_of
from parley.rooms.reconcile import Reconciler, Report
from parley.settings import Settings, load_settings
from parley.storage import Stores
from parley.telemetry.lambda_run import count, instrumented
from parley.telemetry.logs import configure_logs


@instrumented
def handler(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Reconcile once.

    Returns:
        How many rooms were looked at, which repairs were made, and how many rooms had trouble.
    """
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    report = asyncio.run(run(settings))
    count("Repairs", sum(report.repairs.values()))
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
