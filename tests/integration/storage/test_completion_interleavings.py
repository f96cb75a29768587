"""A room completes once, when it is final and all its tracks are: 200 random interleavings."""

import multiprocessing
import uuid
from collections import defaultdict

import pytest

from parley.blobs import BlobStore, timeline_key
from parley.domain.room import RoomOptions, RoomStatus
from parley.settings import Settings
from parley.storage import Stores
from tests.integration.storage.completion_campaign import (
    WORKERS,
    Witness,
    room_name,
    tracks_of,
    work,
)

SEEDS = 200


@pytest.mark.timeout(300)
async def test_rooms_complete_never_early_never_twice_never_missed(
    server_settings: Settings,
) -> None:
    stores, blobs = Stores.from_settings(server_settings), BlobStore.from_settings(server_settings)
    run = uuid.uuid4().hex[:8]
    for seed in range(SEEDS):
        await stores.rooms.register(room_name(run, seed), "campaign", RoomOptions(), now_ms=1)

    witnesses = _run_workers(run, server_settings)

    refusals = 0
    for seed in range(SEEDS):
        sid, seen = room_name(run, seed), witnesses[room_name(run, seed)]
        room = await stores.rooms.get(sid)
        assert room.status is RoomStatus.COMPLETED, f"seed {seed}: missed"
        assert sum(w.completions for w in seen) == 1, f"seed {seed}: not exactly once"
        assert room.pending_tracks == ()
        completed = next(w.completed_after for w in seen if w.completed_after)
        assert min(t for w in seen for t in w.finalise_began) < completed, f"seed {seed}: early"
        for track in await stores.tracks.get_many(room.tracks):
            assert track.status.final
            began = min(w.finish_began[track.id] for w in seen if track.id in w.finish_began)
            assert began < completed, f"seed {seed}: completed before {track.id} ended"
        # What the room did not take in was refused because it was final, and left nothing behind.
        for track_sid in set(tracks_of(run, seed)) - set(room.tracks):
            refusals += 1
            assert any(track_sid in w.refused for w in seen)
            assert await stores.tracks.find(track_sid) is None
        assert await blobs.size(timeline_key(sid)), f"seed {seed}: no timeline"
    # The campaign means something only if both orders of publishing and finalising occurred.
    assert refusals > 20
    assert sum(len(tracks_of(run, seed)) for seed in range(SEEDS)) - refusals > 20
    stores.close()


def _run_workers(run: str, settings: Settings) -> dict[str, list[Witness]]:
    context = multiprocessing.get_context("spawn")
    gate, out = context.Barrier(WORKERS), context.Queue()
    plain = settings.model_dump() | {
        name: getattr(settings, name).get_secret_value()
        for name in ("mongo_uri", "s3_secret_key", "livekit_api_secret", "auth_key")
    }
    workers = [
        context.Process(target=work, args=(number, run, SEEDS, plain, gate, out))
        for number in range(WORKERS)
    ]
    for worker in workers:
        worker.start()
    witnesses: dict[str, list[Witness]] = defaultdict(list)
    try:
        for _ in range(WORKERS * SEEDS):
            witness = out.get(timeout=60)
            witnesses[witness.room].append(witness)
    finally:
        for worker in workers:
            worker.join(timeout=10)
            worker.kill()
    assert [worker.exitcode for worker in workers] == [0] * WORKERS
    return witnesses
