"""A receiver of outbound events: checks each as Standard Webhooks asks, and answers as told."""

import asyncio
import datetime
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from standardwebhooks import Webhook

from parley.domain.delivery import EventEndpoint

SECRET = "whsec_" + "c2VjcmV0LW9mLXRoZS1yZWNlaXZlci0xMjM0NTY3OA=="


@dataclass
class Receiver:
    """What arrived, and what is answered.

    Attributes:
        answers: statuses of the next answers; 200 when there are none.
        got: the payloads that were signed rightly, in order.
        ids: their `webhook-id` headers.
        hosts: the `Host` headers.
        requests: how many requests came in all.
        location: where a redirect leads.
        hang: answers wait for this.
        ahead_ms: by how much the sender's clock is ahead.
    """

    answers: list[int] = field(default_factory=list)
    got: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    requests: int = 0
    location: str = ""
    hang: asyncio.Event | None = None
    ahead_ms: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/events"

    def endpoint(self, name: str = "crm", **changes: Any) -> EventEndpoint:
        """The setting that names it."""
        return EventEndpoint.model_validate(
            {"name": name, "url": self.url, "secret": SECRET} | changes
        )

    async def handle(self, request: web.Request) -> web.Response:
        """Take one event."""
        self.requests += 1
        if self.hang is not None:
            await self.hang.wait()
        status = self.answers.pop(0) if self.answers else 200
        body = await request.text()
        payload = self._verified(
            body, {k.lower(): v for k, v in request.headers.items()}
        )  # raises: answered 500
        if status == 200:
            self.got.append(payload)
            self.ids.append(request.headers["webhook-id"])
            self.hosts.append(request.headers["Host"])
        more = {"Location": self.location} if self.location else {}
        return web.Response(status=status, headers=more, text="x" * 100_000)

    def _verified(self, body: str, headers: dict[str, str]) -> dict[str, Any]:
        webhook = Webhook(SECRET)
        if self.ahead_ms:  # a sender whose clock is moved on: all but the time can be checked
            sent_s = int(headers["webhook-timestamp"])
            assert abs(sent_s - time.time() - self.ahead_ms / 1000) < 60
            at = datetime.datetime.fromtimestamp(sent_s, datetime.UTC)
            assert webhook.sign(headers["webhook-id"], at, body) == headers["webhook-signature"]
            return dict(json.loads(body))
        return dict(webhook.verify(body, headers))


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    """A running receiver on a free port."""
    found = Receiver()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", found.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.port = runner.addresses[0][1]
    try:
        yield found
    finally:
        await runner.cleanup()
