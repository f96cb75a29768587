"""Worker processes that end rooms in random order and write down who did what, and when."""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.synchronize import Barrier
from queue import Queue
from typing import Any

from parley.blobs import BlobStore
from parley.domain.track import TrackStatus
from parley.errors import NotFoundError, StorageUnavailableError
from parley.rooms.completion import finalize_room, finish_track
from parley.rooms.tracks import publish_track
from parley.settings import Settings
from parley.storage import Stores
from parley.storage.rooms import RoomStore

WORKERS = 4
AFTER_ANY_END_MS = 1_000_000_000
"""When tracks are published: a room that is final takes none of them, however late it hears."""
FINAL = (TrackStatus.TRANSCRIBED, TrackStatus.EMPTY, TrackStatus.FAILED)


@dataclass
class Witness:
    """What one worker saw of one room; times are of the machine's monotonic clock, in ns."""

    room: str
    completions: int = 0
    completed_after: int | None = None
    finalise_began: list[int] = field(default_factory=list)
    finish_began: dict[str, int] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)


class FaultyRooms(RoomStore):
    """The real store, whose calls now and then fail before or after they are carried out."""

    def __init__(self, inner: RoomStore, rng: random.Random, witness: Witness) -> None:
        self._rooms, self._outbox = inner._rooms, inner._outbox
        self._rng, self._witness = rng, witness

    async def settle_track(
        self, sid: str, track_sid: str, *, transcribed_ms: int | None = None
    ) -> None:
        self._maybe_fail()
        await super().settle_track(sid, track_sid, transcribed_ms=transcribed_ms)
        self._maybe_fail()

    async def link_track(self, sid: str, track_sid: str, published_ms: int) -> bool:
        linked = await super().link_track(sid, track_sid, published_ms)
        self._maybe_fail()
        return linked

    async def finalize(self, sid: str, now_ms: int) -> bool:
        changed = await super().finalize(sid, now_ms)
        self._maybe_fail()
        return changed

    async def complete(self, sid: str, now_ms: int) -> bool:
        self._maybe_fail()
        won = await super().complete(sid, now_ms)
        if won:
            self._witness.completions += 1
            self._witness.completed_after = time.monotonic_ns()
        return won

    def _maybe_fail(self) -> None:
        if self._rng.random() < 0.1:
            raise StorageUnavailableError("injected")


def room_name(run: str, seed: int) -> str:
    return f"RM_{run}{seed}"


def tracks_of(run: str, seed: int) -> list[str]:
    count = random.Random(f"tracks {seed}").randrange(0, 6)
    return [f"TR_{run}{seed}x{n}" for n in range(count)]


def work(
    number: int, run: str, seeds: int, settings: dict[str, Any], gate: Barrier, out: "Queue[Any]"
) -> None:
    """A worker process: goes through all seeds in step with the others."""
    asyncio.run(_work(number, run, seeds, Settings.model_validate(settings), gate, out))


async def _work(
    number: int, run: str, seeds: int, settings: Settings, gate: Barrier, out: "Queue[Any]"
) -> None:
    stores, blobs = Stores.from_settings(settings), BlobStore.from_settings(settings)
    for seed in range(seeds):
        witness = Witness(room_name(run, seed))
        gate.wait(timeout=60)
        await _drive(number, run, seed, stores, blobs, witness)
        out.put(witness)
    stores.close()


async def _drive(
    number: int, run: str, seed: int, stores: Stores, blobs: BlobStore, witness: Witness
) -> None:
    rng = random.Random(f"{seed} {number}")
    faulty = replace(stores, rooms=FaultyRooms(stores.rooms, rng, witness))
    ticks = itertools.count(1_000)
    clock = ticks.__next__
    sid, tracks = witness.room, tracks_of(run, seed)
    shared = random.Random(f"shared {seed}")  # the same in every worker
    publisher = {track: shared.randrange(WORKERS) for track in tracks}
    finalisers = shared.sample(range(WORKERS), shared.randrange(1, WORKERS + 1))
    # How often a finaliser looks at the room first: on a fast machine too, both orders occur.
    looks = shared.choice((0, 4, 12, 30))

    async def publish(track: str) -> None:
        taken = await publish_track(
            faulty,
            room_sid=sid,
            track_sid=track,
            identity=track,
            name=track,
            published_ms=AFTER_ANY_END_MS,
        )
        if not taken:
            witness.refused.add(track)

    async def finish(track: str) -> None:
        witness.finish_began.setdefault(track, time.monotonic_ns())
        await finish_track(faulty, blobs, track, rng.choice(FINAL), clock=clock)

    async def finalise() -> None:
        for _ in range(looks):
            await stores.rooms.get(sid)
        witness.finalise_began.append(time.monotonic_ns())
        await finalize_room(faulty, blobs, sid, clock)

    async def known(track: str) -> bool:
        while await stores.tracks.find(track) is None:
            room = await stores.rooms.get(sid)
            if room.status != "active" and track not in room.tracks:
                return False
        return True

    async def finish_when_known(track: str) -> None:
        if await known(track):
            await finish(track)

    operations: list[Callable[[], Awaitable[None]]] = []
    for track in tracks:
        if publisher[track] == number:
            operations += [partial(publish, track)] * rng.randrange(1, 3)
        operations += [partial(finish_when_known, track)] * rng.randrange(0, 3)
        if publisher[track] == number:  # at least one worker ends it for certain
            operations.append(partial(finish_when_known, track))
    if number in finalisers:
        operations += [finalise] * rng.randrange(1, 3)
    rng.shuffle(operations)
    await asyncio.gather(*(_until_done(operation) for operation in operations))


async def _until_done(operation: Callable[[], Awaitable[None]]) -> None:
    """As a queue does: what failed in a way that can pass is delivered again."""
    while True:
        try:
            await operation()
        except StorageUnavailableError:
            continue
        except NotFoundError:  # the track's document is still on its way
            continue
        return
