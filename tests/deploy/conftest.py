"""One local deployment of the real template for all tests of this folder."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from infra.local import deploy
from infra.local.aws import LocalAws
from infra.local.environments import unsupported
from parley.audio.ogg import encode_opus
from parley.audio.resample import resample
from parley.auth import mint
from parley.domain.track import Recording
from parley.settings import Settings
from parley.voice import SAMPLE_RATE, open_engine
from tests.integration.webhook.signed import Signed, audio, event, sign, speaker

T = TypeVar("T")
_START_S = 300
RATE = 48_000
SPOKEN = "Good morning. I will send the report to the customer on Friday."


class Loop:
    """An event loop in a thread, for servers that outlive a test."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="deployment")
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_START_S)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@dataclass
class Cloud:
    """The deployed system, as its users see it."""

    aws: LocalAws
    deployed: deploy.Deployment
    settings: Settings

    @property
    def bucket(self) -> str:
        return self.deployed.outputs["Bucket"]

    def client(self, service: str) -> Any:
        return self.deployed.client(service)

    def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        """A request to the REST API by an administrator."""
        token = mint(self.settings, sub="ops", role="admin")
        return httpx.request(
            method,
            f"{self.deployed.api_url}{path}",
            json=body,
            headers={"Authorization": f"Bearer {token}"},
            timeout=60,
            trust_env=False,
        )

    def get(self, path: str) -> Any:
        answer = self.call("GET", path)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def webhook(self, signed: Signed) -> httpx.Response:
        """What LiveKit sends."""
        url = f"{self.deployed.api_url}/webhooks/livekit"
        return httpx.post(
            url, content=signed.body, headers=signed.headers, timeout=60, trust_env=False
        )

    def open_room(self, name: str) -> str:
        """A registered room; returns its sid."""
        answer = self.call("POST", "/rooms", {"name": name})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["room"]["sid"])

    def publish(self, room: str, track: str, identity: str) -> None:
        """Let LiveKit say that somebody has published a track."""
        message = event("track_published", room, participant=speaker(identity), track=audio(track))
        answer = self.webhook(sign(message, self.settings))
        assert answer.status_code == 200, answer.text

    def finalize(self, room: str) -> None:
        answer = self.call("POST", f"/rooms/{room}/finalize")
        assert answer.status_code == 200, answer.text

    def put_manifest(
        self, room: str, track: str, samples: int, size: int, bucket: str | None = None
    ) -> None:
        now_ms = time.time_ns() // 1_000_000
        recording = Recording(
            method="agent",
            key=f"recordings/{room}/{track}.ogg",
            started_ms=now_ms,
            ended_ms=now_ms + samples // 48,
            bytes=size,
            samples=samples,
        )
        body = recording.model_dump_json().encode()
        self.put(f"recordings/{room}/{track}.json", body, bucket)

    def put(self, key: str, body: bytes, bucket: str | None = None) -> None:
        self.client("s3").put_object(Bucket=bucket or self.bucket, Key=key, Body=body)

    def read(self, key: str) -> Any:
        return json.loads(self.client("s3").get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def log_of(self, function: str) -> str:
        """What a function has written to its log group."""
        pages = self.client("logs").get_paginator("filter_log_events")
        found = pages.paginate(logGroupName=f"/aws/lambda/{deploy.STACK}-{function}")
        return "\n".join(line["message"] for page in found for line in page["events"])


def until(condition: Callable[[], T], within_s: float = 90.0) -> T:
    """Wait until a condition's value is true, and return it."""
    deadline = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.2)
    return found


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """The whole template on LocalStack, the functions as processes under AWS's runtime client."""
    if reason := unsupported():
        pytest.skip(reason)
    folder: Path = tmp_path_factory.mktemp("aws")
    deploy.ensure_tools()
    loop = Loop()
    try:
        # The images are needed when the template is deployed, not before.
        with ThreadPoolExecutor() as building:
            images = building.submit(deploy.build_images, folder)
            built = building.submit(deploy.build)
            aws = loop.run(LocalAws(folder).__aenter__())
        try:
            images.result()
            built.result()
            deployed = aws.deploy(build=False)
            found = {k.removeprefix("PARLEY_").lower(): v for k, v in aws.stack.environment.items()}
            yield Cloud(aws, deployed, Settings.model_validate(found))
        finally:
            loop.run(aws.__aexit__(None, None, None))
    finally:
        loop.close()


@pytest.fixture(scope="session")
def spoken() -> NDArray[np.float32]:
    """A spoken sentence at 48 kHz."""

    async def speak() -> NDArray[np.float32]:
        engine = open_engine("espeak")
        try:
            return np.concatenate([part async for part in engine.stream(SPOKEN, "en-us", 0.9)])
        finally:
            await engine.aclose()

    return resample(asyncio.run(speak()), SAMPLE_RATE, RATE)


@pytest.fixture(scope="session")
def ogg(spoken: NDArray[np.float32]) -> tuple[bytes, int]:
    """The same as Ogg Opus, and its number of samples."""
    return encode_opus(spoken, RATE), len(spoken)
