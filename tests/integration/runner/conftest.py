"""What the runner's tests share: object events, notes of the handlers, waiting for conditions."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest


def object_event(key: str) -> str:
    """What MinIO sends when an object is written."""
    record = {
        "eventVersion": "2.0",
        "eventSource": "minio:s3",
        "eventName": "s3:ObjectCreated:Put",
        "s3": {"bucket": {"name": "parley"}, "object": {"key": key.replace("/", "%2F"), "size": 1}},
    }
    return json.dumps({"EventName": "s3:ObjectCreated:Put", "Key": key, "Records": [record]})


async def until(condition: Callable[[], bool | Awaitable[bool]], *, limit_s: float = 30.0) -> None:
    """Wait until a condition holds; fails when that takes too long."""
    deadline = time.monotonic() + limit_s
    while True:
        result = condition()
        if result if isinstance(result, bool) else await result:
            return
        assert time.monotonic() < deadline, f"not true within {limit_s} s"
        await asyncio.sleep(0.02)


class Notes:
    """What the test handlers noted."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def of(self, name: str) -> list[dict[str, Any]]:
        path = self.folder / f"{name}.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Notes:
    folder = tmp_path / "notes"
    folder.mkdir()
    monkeypatch.setenv("RUNNER_TEST_DIR", str(folder))
    return Notes(folder)
