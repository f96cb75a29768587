"""Partials of live rooms, pulled from the fleet: one connection a room, shared by its readers.

Any number of API processes may pull. A fleet that is away, or cannot be reached from here at all,
only means that readers get finished utterances.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from parley.auth import mint
from parley.errors import SetupError
from parley.settings import Settings
from parley.telemetry.logs import get_logger
from parley.transcripts.partials import Newest, Partial

log = get_logger("partials")
_AGAIN_S = 2.0
# The fleet shows every 5 s that it is there.
_TIMEOUT = httpx.Timeout(15.0, connect=2.0)


class Partials:
    """The rooms that somebody reads live, on this process's loop."""

    def __init__(self, settings: Settings) -> None:
        """Pull from the fleet that the settings name."""
        self._settings = settings
        self._readers: dict[str, set[Newest]] = {}
        self._pulling: dict[str, asyncio.Task[None]] = {}

    @asynccontextmanager
    async def of(self, room_sid: str) -> AsyncIterator[Newest]:
        """What is being said in a room, while the block runs."""
        newest = Newest()
        self._readers.setdefault(room_sid, set()).add(newest)
        if room_sid not in self._pulling:
            pull = self._pull(room_sid)
            self._pulling[room_sid] = asyncio.create_task(pull, name=f"partials-{room_sid}")
        try:
            yield newest
        finally:
            readers = self._readers[room_sid]
            readers.discard(newest)
            if not readers:
                del self._readers[room_sid]
                await self._stop(room_sid)

    async def aclose(self) -> None:
        """Stop pulling."""
        for room_sid in list(self._pulling):
            await self._stop(room_sid)

    async def _stop(self, room_sid: str) -> None:
        task = self._pulling.pop(room_sid, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _pull(self, room_sid: str) -> None:
        url = f"{self._settings.fleet_url}/live/{room_sid}"
        told = False
        async with httpx.AsyncClient(timeout=_TIMEOUT) as client:
            while True:
                try:
                    token = mint(
                        self._settings, sub="api", role="service", rooms=(room_sid,), ttl_s=60
                    )
                    headers = {"Authorization": f"Bearer {token}"}
                    async with client.stream("GET", url, headers=headers) as answer:
                        answer.raise_for_status()
                        async for line in answer.aiter_lines():
                            if line:
                                self._put(room_sid, Partial.model_validate_json(line))
                except SetupError:
                    return  # tokens are signed elsewhere, so there is none for the fleet
                except (httpx.HTTPError, ValueError) as error:
                    if not told:
                        told = True
                        log.info("no partials", room_sid=room_sid, reason=type(error).__name__)
                await asyncio.sleep(_AGAIN_S)

    def _put(self, room_sid: str, partial: Partial) -> None:
        for reader in self._readers.get(room_sid, ()):
            reader.put(partial)
