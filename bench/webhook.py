"""How soon LiveKit's webhooks are answered at a steady rate: `python -m bench.webhook`.

Signed events of many registered rooms (joins, publications, ends, and one in ten a repeat) go to
the API process on the embedded stack, each at its own time, whether or not earlier ones are
answered.
"""

import argparse
import asyncio
import base64
import hashlib
import json
import os
import random
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import psutil

from bench.table import show
from parley.domain.room import RoomOptions
from parley.settings import Settings
from parley.storage import Stores
from parley_cli.stack.stack import Stack


@dataclass(frozen=True)
class Row:
    """One run; latencies in ms from when an event was due, CPU time in ms an event."""

    events_per_s: int
    seconds: float
    sent: int
    refused: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    worst_ms: float
    api_cpu_ms: float
    database_cpu_ms: float
    tracks_expected: int
    tracks_stored: int


def events(rooms: list[str], count: int, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Events as LiveKit words them; a track's publication, then its end."""
    last: dict[str, Any] = {}
    for number in range(count):
        if last and rng.random() < 0.1:
            yield last
            continue
        room = rng.choice(rooms)
        kind = ("participant_joined", "track_published", "track_unpublished")[number % 3]
        track = f"TR_{room[3:]}n{number // 3}"
        last = {
            "event": kind,
            "id": f"EV_{uuid.UUID(int=rng.getrandbits(128)).hex}",
            "createdAt": str(int(time.time())),
            "room": {"sid": room, "name": room},
            "participant": {"sid": "PA_a", "identity": f"p{number % 9}"},
        }
        if kind != "participant_joined":
            last["track"] = {"sid": track, "type": "AUDIO"}
        yield last


def signed(event: dict[str, Any], settings: Settings) -> tuple[bytes, dict[str, str]]:
    """The request that LiveKit would send."""
    body = json.dumps(event).encode()
    now = int(time.time())
    claims = {
        "iss": settings.livekit_api_key,
        "nbf": now,
        "exp": now + 300,
        "sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
    }
    token = jwt.encode(claims, settings.livekit_api_secret.get_secret_value(), algorithm="HS256")
    return body, {"Authorization": token, "Content-Type": "application/webhook+json"}


def cpu_ms(pid: int) -> float:
    """CPU time that a process has used so far, in ms."""
    times = psutil.Process(pid).cpu_times()
    return (times.user + times.system) * 1000


async def run(stack: Stack, rate: int, seconds: float, seed: int) -> Row:
    """Send for so long at this rate, and count what was stored."""
    settings = Settings.model_validate(
        {k.removeprefix("PARLEY_").lower(): v for k, v in stack.environment.items()}
    )
    rng = random.Random(f"{seed} {rate} {seconds}")
    stores = Stores.from_settings(settings)
    rooms = [f"RM_{rate}x{n}" for n in range(40)]
    for room in rooms:
        await stores.rooms.register(room, room, RoomOptions(), now_ms=1)
    made = list(events(rooms, int(rate * seconds), rng))
    requests = [signed(event, settings) for event in made]
    waits: list[float] = []
    refused = 0

    async def send(
        client: aiohttp.ClientSession, due: float, body: bytes, headers: dict[str, str]
    ) -> None:
        nonlocal refused
        async with client.post("/webhooks/livekit", data=body, headers=headers) as answer:
            waits.append((time.perf_counter() - due) * 1000)
            refused += answer.status != 200

    pids = [stack.pid(part) for part in ("api", "mongo")]
    before = [cpu_ms(pid) for pid in pids]
    # aiohttp costs the machine a third of what httpx does, and LiveKit sends from a quicker one.
    async with (
        aiohttp.ClientSession(settings.api_url, connector=aiohttp.TCPConnector(limit=64)) as client,
        asyncio.TaskGroup() as group,
    ):
        start = time.perf_counter() + 0.2
        for number, (body, headers) in enumerate(requests):
            due = start + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(send(client, due, body, headers))
    api_ms, database_ms = (
        round((cpu_ms(pid) - was) / len(requests), 2) for pid, was in zip(pids, before, strict=True)
    )
    expected = {(e["room"]["sid"], e["track"]["sid"]) for e in made if "track" in e}
    stored = {(r, t) for r in rooms for t in (await stores.rooms.get(r)).tracks}
    stores.close()
    waits.sort()

    def percentile(share: float) -> float:
        return round(waits[min(len(waits) - 1, int(len(waits) * share))], 1)

    return Row(
        rate,
        seconds,
        len(requests),
        refused,
        percentile(0.5),
        percentile(0.95),
        percentile(0.99),
        round(waits[-1], 1),
        api_ms,
        database_ms,
        len(expected),
        len(stored & expected),
    )


async def measure(rates: list[int], seconds: float, seed: int, as_json: bool) -> list[Row]:
    """One run for each rate, on a stack of its own."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        async with Stack(Path(folder), parts=["livekit", "mongo", "minio", "api"]) as stack:
            await run(stack, 50, 2.0, seed)  # the servers' compilers warm up
            for rate in rates:
                row = await run(stack, rate, seconds, seed)
                rows.append(row)
                if as_json:
                    show([row], as_json=True)
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rates", default="50,100,200", help="events a second, with commas")
    parser.add_argument("--seconds", type=float, default=15.0, help="length of a run")
    parser.add_argument("--seed", type=int, default=1, help="of the events")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    wanted = parser.parse_args()
    rates = [int(part) for part in wanted.rates.split(",")]
    rows = asyncio.run(measure(rates, wanted.seconds, wanted.seed, wanted.json))
    if not wanted.json:
        show(rows, title=f"Webhooks (machine load {os.getloadavg()[0]:.1f})")


if __name__ == "__main__":
    main()
