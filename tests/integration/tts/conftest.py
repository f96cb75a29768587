"""The speech function on a real object store, speaking with espeak-ng."""

from collections.abc import AsyncIterator

import httpx
import pytest

from functions.tts.app import create_app
from functions.tts.services import Services
from parley.auth import TokenVerifier, mint
from parley.blobs import BlobStore
from parley.settings import Settings
from parley.voice import SpeechEngine, open_engine
from parley_cli.stack.stack import Stack
from tests.stack_fixtures.servers import settings_of


class Opened:
    """Opens espeak-ng, and counts how often."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> SpeechEngine:
        self.times += 1
        return open_engine("espeak")


@pytest.fixture
def opened() -> Opened:
    return Opened()


@pytest.fixture
async def services(
    minio_server: Stack, blobs: BlobStore, opened: Opened
) -> AsyncIterator[Services]:
    settings = settings_of(minio_server, s3_bucket=blobs.bucket)
    services = Services(
        settings=settings,
        blobs=blobs,
        tokens=TokenVerifier.from_settings(settings),
        open_engine=opened,
    )
    yield services
    await services.aclose()


@pytest.fixture
async def api(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://parley") as client:
        yield client


@pytest.fixture
def host(services: Services) -> dict[str, str]:
    """The headers of a host."""
    return bearer(services.settings, "host")


def bearer(settings: Settings, role: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {mint(settings, sub='ann', role=role)}"}
