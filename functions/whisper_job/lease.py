"""Keep a track's lease while its recording is transcribed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from parley.clock import Clock
from parley.errors import StorageError
from parley.storage import TrackStore
from parley.telemetry.logs import get_logger

log = get_logger("lease")


@asynccontextmanager
async def hold_lease(
    tracks: TrackStore, track_sid: str, owner: str, lease_ms: int, clock: Clock
) -> AsyncIterator[None]:
    """Extend a lease every third of its length until the block ends."""

    async def extend() -> None:
        while True:
            await asyncio.sleep(lease_ms / 3000)
            try:
                if not await tracks.extend_lease(track_sid, owner, clock() + lease_ms):
                    return
            except StorageError as error:
                log.warning("lease not extended", track_sid=track_sid, reason=str(error))

    task = asyncio.create_task(extend())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
