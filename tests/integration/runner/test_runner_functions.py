"""The real functions in the real runner: a recording and its events become a summary."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from parley.blobs import BlobStore, manifest_key, recording_key, timeline_key
from parley.domain.room import RoomOptions
from parley.domain.track import Recording, TrackStatus
from parley.rooms.completion import finalize_room
from parley.rooms.tracks import publish_track
from parley.settings import Settings
from parley.storage import Stores
from parley_cli.stack.stack import Stack
from tests.integration.runner.conftest import object_event, until
from tests.integration.runner.test_runner_process import free_port, healthy
from tests.stack_fixtures.servers import settings_of

ROOT = Path(__file__).parents[3]
SPEECH = ROOT / "tests" / "data" / "two_sentences.ogg"
STARTED_MS = 1_790_000_000_000


@pytest.fixture
def start(
    mongo_server: Stack,
    minio_server: Stack,
    blobs: BlobStore,
    tmp_path: Path,
) -> Iterator[tuple[Settings, Callable[[], subprocess.Popen[bytes]]]]:
    """Settings, and a way to start `python -m parley_cli.runner` with them."""
    url = f"http://127.0.0.1:{free_port()}"
    settings = settings_of(
        mongo_server,
        minio_server,
        s3_bucket=blobs.bucket,
        mongo_database=blobs.bucket,
        runner_url=url,
        state_dir=tmp_path / "state",
        whisper_threads=1,
    )
    environment = dict(os.environ) | dict(mongo_server.environment) | dict(minio_server.environment)
    environment |= {
        "PARLEY_S3_BUCKET": blobs.bucket,
        "PARLEY_MONGO_DATABASE": blobs.bucket,
        "PARLEY_RUNNER_URL": url,
        "PARLEY_STATE_DIR": str(tmp_path / "state"),
        "PARLEY_WHISPER_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    started: list[subprocess.Popen[bytes]] = []

    def start_one() -> subprocess.Popen[bytes]:
        with (tmp_path / "runner.log").open("ab") as log:
            command = [sys.executable, "-m", "parley_cli.runner"]
            started.append(subprocess.Popen(command, env=environment, stderr=log, stdout=log))
        return started[-1]

    yield settings, start_one
    for process in started:
        if process.poll() is None:
            process.terminate()
            process.wait(20)


async def recorded_room(stores: Stores, blobs: BlobStore, *tracks: str) -> str:
    """A finalised room with a recording for each track."""
    room = "RM_runner"
    await stores.rooms.register(room, "weekly", RoomOptions(), STARTED_MS)
    for track in tracks:
        await publish_track(
            stores,
            room_sid=room,
            track_sid=track,
            identity=f"who-{track.lower()}",
            name="Anna",
            published_ms=STARTED_MS,
        )
        recording = Recording(
            method="agent",
            key=recording_key(room, track),
            started_ms=STARTED_MS,
            ended_ms=STARTED_MS + 10_202,
        )
        body = recording.model_dump_json().encode()
        await blobs.put(manifest_key(room, track), body, "application/json")
        await blobs.put_file(recording.key, SPEECH, "audio/ogg")
    await finalize_room(stores, blobs, room)
    return room


async def send(url: str, key: str) -> None:
    async with httpx.AsyncClient() as client:
        (await client.post(f"{url}/events/s3", content=object_event(key))).raise_for_status()


@pytest.mark.timeout(400)  # its workers are nice: a busy machine makes them wait
async def test_a_recording_becomes_a_summary_although_the_runner_is_killed(
    start: tuple[Settings, Callable[[], subprocess.Popen[bytes]]], blobs: BlobStore
) -> None:
    settings, start_one = start
    stores = Stores.from_settings(settings)
    room = await recorded_room(stores, blobs, "TR_one", "TR_two")
    runner = start_one()
    await until(lambda: healthy(settings.runner_url), limit_s=120)
    for track in ("TR_one", "TR_two"):
        await send(settings.runner_url, recording_key(room, track))

    async def transcribing() -> bool:
        track = await stores.tracks.get("TR_one")
        return track.status is TrackStatus.TRANSCRIBING

    await until(transcribing, limit_s=120)
    os.kill(runner.pid, signal.SIGKILL)
    await asyncio.to_thread(runner.wait)
    start_one()

    async def timeline_is_there() -> bool:
        return await blobs.size(timeline_key(room)) is not None

    await until(timeline_is_there, limit_s=120)
    await send(settings.runner_url, timeline_key(room))

    async def summarised() -> bool:
        return await stores.summaries.find(room) is not None

    await until(summarised, limit_s=120)
    tracks = await stores.tracks.get_many(["TR_one", "TR_two"])
    assert [t.status for t in tracks] == [TrackStatus.TRANSCRIBED] * 2
    assert tracks[0].attempts == 2
    summary = await stores.summaries.find(room)
    assert summary is not None
    assert summary.engine == "extractive"
    assert {a.participant_identity for a in summary.content.action_items} >= {"who-tr_one"}
    assert summary.dropped_citations == 0

    async def all_done() -> bool:
        async with httpx.AsyncClient() as client:
            jobs = (await client.get(f"{settings.runner_url}/jobs")).json()
        return bool(jobs["done"] == 3 and jobs["jobs"] == [] and jobs["dead"] == 0)

    await until(all_done)
    stores.close()
