"""The API on real servers: in this process, and as LiveKit sees it in a process of its own."""

from collections.abc import AsyncIterator, Callable, Iterator

import httpx
import pytest

from functions.webhook.app import create_app
from functions.webhook.services import Services
from parley.auth import mint
from parley.settings import Settings
from parley_cli.stack.stack import Stack
from tests.stack_fixtures.servers import running_stack, settings_of

Client = Callable[..., httpx.AsyncClient]


@pytest.fixture
async def services(server_settings: Settings) -> AsyncIterator[Services]:
    settings = server_settings.model_copy(update={"finalize_grace_s": 0.05})
    services = Services.from_settings(settings)
    yield services
    await services.aclose()


@pytest.fixture
async def api(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    transport = httpx.ASGITransport(create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://parley") as client:
        yield client


@pytest.fixture
def admin(services: Services) -> dict[str, str]:
    """The headers of an administrator."""
    return bearer(services.settings, "admin")


def bearer(settings: Settings, role: str, sub: str = "somebody", *rooms: str) -> dict[str, str]:
    """The headers of a caller; without rooms their token is good for all."""
    token = mint(settings, sub=sub, role=role, rooms=rooms or ("*",))
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture(scope="session")
def api_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """LiveKit, the stores and the API as processes, LiveKit's webhooks going to the API."""
    parts = ["livekit", "mongo", "minio", "api"]
    with running_stack(tmp_path_factory.mktemp("api"), parts) as stack:
        yield stack


@pytest.fixture(scope="session")
def stack_settings_module(api_stack: Stack) -> Settings:
    """The settings of `api_stack`, for fixtures that outlive a test."""
    return settings_of(api_stack)


@pytest.fixture
def stack_settings(stack_settings_module: Settings) -> Settings:
    return stack_settings_module
