"""Holds many rooms at once on a stack that fails, and then waits for every record to be whole."""

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil
from numpy.typing import NDArray

from bench.campaign.faults import FaultyPlan, Toxiproxy, choose, direct, toxiproxy
from bench.campaign.relay import DROPPED, Relay
from bench.campaign.rooms import RATE, Held, Script, hold
from bench.campaign.verdict import missing
from parley.audio.ogg import decode
from parley.auth import mint
from parley.blobs import BlobStore
from parley.clock import wall_clock_ms
from parley.livekit_api import LiveKit
from parley.queue.requeue import requeue_of
from parley.rooms.reconcile import Reconciler
from parley.settings import Settings
from parley.storage import Stores
from parley_cli.stack.stack import Stack

SPEECH = Path(__file__).parents[2] / "tests" / "data" / "two_sentences.ogg"
_SILENCE_RMS = 0.002
_FRAME = RATE // 100


@dataclass
class Result:
    """A campaign's end.

    Attributes:
        rooms: how many were held; some seeds hold two.
        tracks: how many were published in them.
        whole_after_s: seconds from the last room's end until every record was whole.
        lacking: what rooms lack after the limit, by seed; nothing where all are whole.
        webhooks: what became of LiveKit's webhooks.
        repairs: what the reconciler mended.
    """

    rooms: int = 0
    tracks: int = 0
    whole_after_s: float = 0.0
    lacking: dict[int, list[str]] = field(default_factory=dict)
    webhooks: Counter[str] = field(default_factory=Counter)
    repairs: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Field:
    """A running stack with everything that can disturb it."""

    stack: Stack
    relay: Relay
    toxic: Toxiproxy
    settings: Settings
    onlooker: Settings
    clip: NDArray[np.int16]


@asynccontextmanager
async def battlefield(folder: Path, seed: int, *, drop: float = DROPPED) -> AsyncIterator[Field]:
    """The stack, toxiproxy and the relay; `drop` is the share of webhooks that get lost."""
    rng = random.Random(f"field {seed}")
    ports = choose(random.Random())
    clip = _spoken(decode(SPEECH, RATE))
    stack = Stack(
        folder / "stack",
        ports={name: ports[name] for name in ("mongo", "minio")},
        plan=lambda where, chosen, keys: FaultyPlan(where, ports | chosen, keys),
    )
    async with toxiproxy(ports, folder / "toxiproxy.log") as toxic, stack:
        names = stack.environment.items()
        settings = Settings.model_validate(
            {name.removeprefix("PARLEY_").lower(): value for name, value in names}
        )
        relay = Relay(settings.api_url, rng, drop=drop)
        async with relay.serving(ports["relay"]):
            yield Field(stack, relay, toxic, settings, direct(settings, ports), clip)


def _spoken(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """What is said, without a pause: whichever seconds of it are heard, there are words in them."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    loud = np.sqrt((frames**2).mean(axis=1)) > _SILENCE_RMS
    said: NDArray[np.int16] = (frames[loud].ravel() * 32767).astype(np.int16)
    return said


async def campaign(
    field_: Field, seeds: Sequence[int], *, outage_s: float, reconcile: bool = True, limit_s: float
) -> Result:
    """Hold the rooms of these seeds while things fail; then reconcile until all records are whole.

    Args:
        field_: where.
        seeds: one meeting each.
        outage_s: how long the database, and after it the object store, is away.
        reconcile: False leaves out the reconciler, to see that it is needed.
        limit_s: how long after the last room's end the records may take.
    """
    result = Result()
    settings = field_.settings
    token = mint(settings, sub="campaign", role="admin")
    async with (
        LiveKit.from_settings(settings) as livekit,
        httpx.AsyncClient(
            base_url=settings.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=15
        ) as api,
    ):
        trouble = asyncio.create_task(_trouble(field_, random.Random(f"{seeds}"), outage_s))
        meetings = await asyncio.gather(
            *(
                hold(Script.of(s), settings=settings, api=api, livekit=livekit, clip=field_.clip)
                for s in seeds
            )
        )
        held = [room for meeting in meetings for room in meeting]
        await trouble
        result.rooms = len(held)
        result.tracks = sum(len(room.published) for room in held)
        await _settle(field_, livekit, held, result, reconcile, limit_s)
    result.webhooks = field_.relay.counts
    return result


async def _trouble(field_: Field, rng: random.Random, outage_s: float) -> None:
    """The stores go away one after the other; the API and a worker are killed in the middle."""
    await asyncio.sleep(rng.uniform(2, 4))
    await field_.toxic.away("mongo", outage_s)
    await asyncio.sleep(rng.uniform(0, 2))
    psutil.Process(field_.stack.pid("api")).kill()
    await asyncio.sleep(rng.uniform(0, 2))
    async with asyncio.TaskGroup() as group:
        group.create_task(field_.toxic.away("minio", outage_s))
        for _ in range(2):
            await asyncio.sleep(rng.uniform(0.5, 2))
            workers = psutil.Process(field_.stack.pid("runner")).children()
            rng.choice(workers).kill()


async def _settle(
    field_: Field,
    livekit: LiveKit,
    held: Sequence[Held],
    result: Result,
    reconcile: bool,
    limit_s: float,
) -> None:
    onlooker = Stores.from_settings(field_.onlooker)
    blobs = BlobStore.from_settings(field_.onlooker)
    started = time.monotonic()
    # The reconciler looks for a recording that nobody told of after a minute: time passes for it.
    ahead_ms = 0
    reconciler = Reconciler(
        field_.settings,
        onlooker,
        blobs,
        livekit,
        requeue_of(field_.settings),
        clock=lambda: wall_clock_ms() + ahead_ms,
    )
    try:
        while True:
            lacking: dict[int, list[str]] = defaultdict(list)
            for room in held:
                found = await missing(onlooker, blobs, room.sid, room.published)
                if found:
                    lacking[room.script.seed] += found
            result.whole_after_s = round(time.monotonic() - started, 1)
            if not lacking or result.whole_after_s > limit_s:
                result.lacking = dict(lacking)
                return
            if reconcile:
                ahead_ms = 0 if result.whole_after_s < 10 else 70_000
                result.repairs += (await reconciler.once()).repairs
            await asyncio.sleep(1)
    finally:
        onlooker.close()
