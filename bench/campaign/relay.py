"""Stands between LiveKit and the API: webhooks get lost, come twice, late and out of order."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import ClientError, ClientSession, ClientTimeout, web

from parley_cli.stack.ports import LOOPBACK

DROPPED, DOUBLED, DELAYED = 0.10, 0.15, 0.30
_LONGEST_DELAY_S = 2.0
_TRIES = 3


class Relay:
    """Takes LiveKit's webhooks at once and hands them on in its own way.

    What the API refuses for the time being is tried again, as LiveKit does, and then lost.
    """

    def __init__(self, api_url: str, rng: random.Random, *, drop: float = DROPPED) -> None:
        """Hand on to this API."""
        self._api_url, self._rng, self._drop = api_url, rng, drop
        self._tasks: set[asyncio.Task[None]] = set()
        self._client: ClientSession
        self.counts: Counter[str] = Counter()

    @asynccontextmanager
    async def serving(self, port: int) -> AsyncIterator["Relay"]:
        """Listen on this port while the block runs; what is under way then is lost."""
        app = web.Application()
        app.add_routes([web.post("/webhooks/livekit", self._take)])
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, LOOPBACK, port).start()
        async with ClientSession(timeout=ClientTimeout(total=10)) as self._client:
            try:
                yield self
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)
                await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        headers = {"Authorization": request.headers["Authorization"]}
        self.counts["sent by LiveKit"] += 1
        if self._rng.random() < self._drop:
            self.counts["dropped"] += 1
            return web.Response()
        copies = 2 if self._rng.random() < DOUBLED else 1
        self.counts["doubled"] += copies - 1
        for _ in range(copies):
            late = self._rng.random() < DELAYED
            self.counts["delayed"] += late
            wait_s = self._rng.uniform(0, _LONGEST_DELAY_S) if late else 0.0
            task = asyncio.create_task(self._hand_on(body, headers, wait_s))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return web.Response()

    async def _hand_on(self, body: bytes, headers: dict[str, str], wait_s: float) -> None:
        await asyncio.sleep(wait_s)
        for attempt in range(_TRIES):
            try:
                async with self._client.post(
                    f"{self._api_url}/webhooks/livekit", data=body, headers=headers
                ) as answer:
                    if answer.status < 500:
                        self.counts[f"answered {answer.status}"] += 1
                        return
            except (ClientError, TimeoutError):
                pass  # the API is away
            await asyncio.sleep(0.5 * 2**attempt)
        self.counts["given up"] += 1
