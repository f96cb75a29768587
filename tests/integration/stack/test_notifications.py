"""MinIO tells the runner of new recordings and timelines, however often either is away."""

import json
import os
import signal
from pathlib import Path

import pytest

from parley.blobs.store import BlobStore
from parley_cli.stack.stack import Stack
from tests.stack_fixtures.servers import settings_of
from tests.stack_fixtures.waiting import until


@pytest.fixture
def posted(small_parts: dict[str, Path]) -> Path:
    return small_parts["runner"] / "posted"


def keys(posted: Path) -> set[str]:
    if not posted.exists():
        return set()
    bodies = [json.loads(line) for line in posted.read_text().splitlines()]
    return {record["s3"]["object"]["key"] for body in bodies for record in body["Records"]}


async def test_only_recordings_and_timelines_are_told(tmp_path: Path, posted: Path) -> None:
    async with Stack(tmp_path / "s", parts=["minio", "api", "runner"]) as stack:
        blobs = BlobStore.from_settings(settings_of(stack))
        for key in ("recordings/RM_1/TR_1.json", "speech/a.ogg", "recordings/RM_1/TR_1.ogg"):
            await blobs.put(key, b"x", "application/octet-stream")
        await blobs.put("timelines/RM_1.json", b"{}", "application/json")
        wanted = {"recordings%2FRM_1%2FTR_1.ogg", "timelines%2FRM_1.json"}
        await until(lambda: wanted <= keys(posted), "both are told")
        assert keys(posted) == wanted


async def test_events_wait_for_a_runner_that_is_away(tmp_path: Path, posted: Path) -> None:
    async with Stack(tmp_path / "s", parts=["minio", "api"]) as stack:
        ports = stack.plan.ports
    async with Stack(tmp_path / "s", parts=["minio", "api", "runner"], ports=ports) as stack:
        blobs = BlobStore.from_settings(settings_of(stack))
        # Killed, it is started again by the supervisor; what is put meanwhile waits in MinIO.
        os.kill(stack.pid("runner"), signal.SIGKILL)
        for number in range(10):
            await blobs.put(f"recordings/RM_1/TR_{number}.ogg", b"x", "audio/ogg")
        os.kill(stack.pid("minio"), signal.SIGKILL)
        wanted = {f"recordings%2FRM_1%2FTR_{number}.ogg" for number in range(10)}
        await until(lambda: wanted <= keys(posted), "all ten are told", 40)
