"""Runs one agent process: `python -m agent_fleet`."""

import asyncio
import gc
import signal
import sys

from agent_fleet.fleet import Fleet
from agent_fleet.status_page import StatusPage
from agent_fleet.worker import FleetWorker
from parley.blobs import BlobStore
from parley.errors import ParleyError
from parley.settings import Settings, load_settings
from parley.storage import Stores
from parley.telemetry.logs import configure_logs, get_logger

log = get_logger("fleet")


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then end every room well."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(wanted, stop.set)
    fleet = Fleet(settings, Stores.from_settings(settings), BlobStore.from_settings(settings))
    worker = FleetWorker(fleet)
    page = StatusPage(fleet, worker)
    await page.start(settings.fleet_url)
    try:
        await fleet.start()
        gc.collect()
        gc.freeze()  # what was imported stays: to look through it again would stop all for 0.1 s
        running = asyncio.create_task(worker.run())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait({running, stopped}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if running.done():
            await running
        log.info("stopping", rooms=worker.rooms)
        await worker.close(settings.drain_seconds)
        await running
    finally:
        await page.close()
        await fleet.close()


def main() -> int:
    """The exit status: 0 after a signal, 1 when it could not serve."""
    settings = load_settings()
    configure_logs(settings.log_level, settings.log_format)
    try:
        asyncio.run(serve(settings))
    except ParleyError as error:
        print(f"agent_fleet: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
