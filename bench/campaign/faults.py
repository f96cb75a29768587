"""A stack whose database and object store lie behind toxiproxy, and whose webhooks go elsewhere."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import httpx

from parley.settings import Settings
from parley_cli.stack.build import ensure
from parley_cli.stack.plan import StackPlan
from parley_cli.stack.ports import LOOPBACK, choose_ports
from parley_cli.stack.servers import server

Proxied = Literal["mongo", "minio"]
# Patience of minutes becomes seconds, and nobody is refused.
QUICK = {
    "PARLEY_RETRY_SECONDS": "1",
    "PARLEY_REQUEUE_AFTER_S": "15",
    "PARLEY_LEASE_SECONDS": "30",
    "PARLEY_FINALIZE_GRACE_S": "1",
    "PARLEY_MONGO_TIMEOUT_MS": "1000",
    "PARLEY_WHISPER_THREADS": "1",
    "PARLEY_MAX_SPEAKERS": "60",
    "PARLEY_MAX_TALKERS": "60",
    "PARLEY_MAX_LAG_MS": "60000",
}


class FaultyPlan(StackPlan):
    """A plan by which our own parts reach the stores through toxiproxy.

    `ports` holds, beside the parts', `toxi-mongo`, `toxi-minio` and `relay`.
    """

    @property
    def webhook_url(self) -> str:
        """LiveKit's webhooks go to the relay."""
        return f"{self.http('relay')}/webhooks/livekit"

    def environment(self) -> dict[str, str]:
        """As in any stack, but for the stores' addresses, and with little patience."""
        found = super().environment() | QUICK
        if "mongo" in self.ports:
            found["PARLEY_MONGO_URI"] = f"mongodb://{LOOPBACK}:{self.ports['toxi-mongo']}"
        if "minio" in self.ports:
            found["PARLEY_S3_ENDPOINT_URL"] = self.http("toxi-minio")
        return found


def choose(rng: random.Random) -> dict[str, int]:
    """Ports of the servers, of toxiproxy and of the relay."""
    names = ["mongo", "minio", "toxi", "toxi-mongo", "toxi-minio", "relay"]
    return choose_ports(names, wanted={}, preferred={}, rng=rng)


def direct(settings: Settings, ports: dict[str, int]) -> Settings:
    """The stack's settings without toxiproxy between, for who looks on."""
    return Settings.model_validate(
        settings.model_dump()
        | {
            "mongo_uri": f"mongodb://{LOOPBACK}:{ports['mongo']}",
            "s3_endpoint_url": f"http://{LOOPBACK}:{ports['minio']}",
            "livekit_api_secret": settings.livekit_api_secret,
        }
    )


@dataclass(frozen=True)
class Toxiproxy:
    """The running proxy's control port."""

    client: httpx.AsyncClient

    async def away(self, name: Proxied, seconds: float) -> None:
        """Cut a server off, with all its connections, for so long."""
        await self._enable(name, False)
        try:
            await asyncio.sleep(seconds)
        finally:
            await self._enable(name, True)

    async def _enable(self, name: Proxied, enabled: bool) -> None:
        answer = await self.client.post(f"/proxies/{name}", json={"enabled": enabled})
        answer.raise_for_status()


@asynccontextmanager
async def toxiproxy(ports: dict[str, int], log: Path) -> AsyncIterator[Toxiproxy]:
    """Toxiproxy in front of the database and the object store, while the block runs."""
    program = await asyncio.to_thread(ensure, server("toxiproxy"))
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(str(program.path), "-host", LOOPBACK, "-port", str(ports["toxi"])),
            stdout=output,
            stderr=output,
        )
    url = f"http://{LOOPBACK}:{ports['toxi']}"
    try:
        async with httpx.AsyncClient(base_url=url, timeout=10) as client:
            await _until_up(client)
            for name in ("mongo", "minio"):
                answer = await client.post(
                    "/proxies",
                    json={
                        "name": name,
                        "listen": f"{LOOPBACK}:{ports[f'toxi-{name}']}",
                        "upstream": f"{LOOPBACK}:{ports[name]}",
                        "enabled": True,
                    },
                )
                answer.raise_for_status()
            yield Toxiproxy(client)
    finally:
        process.terminate()
        await process.wait()


async def _until_up(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(10):
        while True:
            try:
                await client.get("/version")
            except httpx.TransportError:
                await asyncio.sleep(0.02)
            else:
                return
