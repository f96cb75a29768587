"""Every route × every role × own and other room × every bad token: who gets in, and who does not.

The database is out of reach here, so whoever is let in is answered 503 (or 422 by the route): what
counts is that the answer is neither 401 nor 403, and that whoever is kept out is told so before
anything is read.
"""

import itertools
import time
from collections.abc import AsyncIterator

import httpx
import jwt
import pytest
from fastapi.routing import iter_route_contexts
from pydantic import SecretStr

from functions.webhook.app import app as the_app, create_app
from functions.webhook.grace import TaskGrace
from functions.webhook.services import Services
from parley.auth import OPEN_ROUTES, RULES, Role, TokenVerifier, mint
from parley.blobs import BlobStore
from parley.errors import StorageUnavailableError
from parley.livekit_api import LiveKit, WebhookVerifier
from parley.settings import Settings
from parley.storage import Stores
from parley.storage.database import Collection, Database

KEY = "k" * 32
OWN, OTHER = "RM_own", "RM_other"
SETTINGS = Settings(
    auth_key=SecretStr(KEY),
    livekit_api_secret=SecretStr("s" * 32),
    livekit_url="ws://127.0.0.1:1",
    s3_endpoint_url="http://127.0.0.1:1",
    s3_access_key="a",
    s3_secret_key=SecretStr("b"),
)
# What describes the API itself, and nothing else.
DESCRIPTIONS = {"/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc"}


def declared() -> set[tuple[str, str]]:
    """Every method and path that the application answers, its description aside."""
    found: set[tuple[str, str]] = set()
    for route in iter_route_contexts(the_app.routes):
        for method in route.methods or ():
            assert route.path is not None
            if route.path not in DESCRIPTIONS:
                found.add((method, route.path))
    return found


GUARDED = sorted(declared() - OPEN_ROUTES)


def expected(method: str, path: str, role: Role, room: str) -> bool:
    """Whether the table lets this role, whose token is for one room, use the route."""
    rule = RULES[(method, path)]
    if role not in rule.roles or rule.scope == "all":
        return False
    return rule.scope == "any" or room == OWN


class AwayCollection(Collection):
    """A collection of a database that is away, which is found out at once."""

    def __init__(self) -> None: ...

    def __getattribute__(self, name: str) -> object:
        if name in {"scan", "get", "get_many", "insert", "update", "put", "delete", "count"}:
            raise StorageUnavailableError("out of reach")
        return super().__getattribute__(name)


class AwayDatabase(Database):
    """A database that is away."""

    def __init__(self) -> None: ...

    def collection(self, name: str) -> Collection:
        return AwayCollection()

    def close(self) -> None: ...


@pytest.fixture(scope="module")
def blobs() -> BlobStore:
    return BlobStore.from_settings(SETTINGS)


@pytest.fixture
async def api(blobs: BlobStore) -> AsyncIterator[httpx.AsyncClient]:
    services = Services(
        settings=SETTINGS,
        stores=Stores.of(AwayDatabase()),
        blobs=blobs,
        livekit=LiveKit.from_settings(SETTINGS),
        webhooks=WebhookVerifier.from_settings(SETTINGS),
        tokens=TokenVerifier(SETTINGS),
        grace=TaskGrace(),
    )
    transport = httpx.ASGITransport(create_app(services))
    async with httpx.AsyncClient(transport=transport, base_url="http://parley") as client:
        yield client
    await services.aclose()


async def call(
    api: httpx.AsyncClient, method: str, path: str, token: str | None, room: str = OWN
) -> int:
    url = path.replace("{sid}", room).replace("{track_sid}", "TR_x").replace("{form}", "vtt")
    url = url.replace("{request_id}", "r-1")
    assert "{" not in url, "give the new path parameter a value here"
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = {"name": "x", "identity": "ann", "text": "x"} if method in {"POST", "PUT"} else None
    return (await api.request(method, url, headers=headers, json=body)).status_code


def test_the_table_has_a_rule_for_every_route_and_no_other() -> None:
    assert set(GUARDED) == set(RULES)
    assert declared() >= OPEN_ROUTES
    assert {path for _, path in OPEN_ROUTES} == {"/webhooks/livekit", "/healthz"}


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_a_role_gets_in_where_the_table_says_so(
    api: httpx.AsyncClient, method: str, path: str
) -> None:
    for role, room in itertools.product(Role, (OWN, OTHER)):
        token = mint(SETTINGS, sub="ann", role=role, rooms=[OWN])
        status = await call(api, method, path, token, room)
        assert (status != 403) == expected(method, path, role, room), (role, room, status)
        assert status != 401


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_a_token_for_all_rooms_is_bound_by_its_role(
    api: httpx.AsyncClient, method: str, path: str
) -> None:
    for role in Role:
        status = await call(api, method, path, mint(SETTINGS, sub="ann", role=role))
        assert (status != 403) == (role in RULES[(method, path)].roles), (role, status)


# The list of rooms is for everybody: it shows only those that the token holds.
OF_ROOMS = [route for route in GUARDED if RULES[route].scope != "any"]


@pytest.mark.parametrize(("method", "path"), OF_ROOMS)
async def test_a_token_for_no_room_opens_no_room(
    api: httpx.AsyncClient, method: str, path: str
) -> None:
    for role in Role:
        assert await call(api, method, path, mint(SETTINGS, sub="a", role=role, rooms=[])) == 403


def forged(algorithm: str = "HS256", key: str = KEY, **changes: object) -> str:
    claims = {
        "iss": SETTINGS.auth_issuer,
        "aud": SETTINGS.auth_audience,
        "exp": int(time.time()) + 60,
        "sub": "ann",
        "role": "admin",
        "rooms": ["*"],
    } | changes
    return jwt.encode({k: v for k, v in claims.items() if v is not None}, key, algorithm=algorithm)


BAD_TOKENS = {
    "none": None,
    "alg none": forged("none", ""),
    "another key": forged(key="x" * 32),
    "LiveKit's key": forged(key="s" * 32),
    "HS512": forged("HS512", "k" * 64),
    "expired": forged(exp=int(time.time()) - 5),
    "no exp": forged(exp=None),
    "wrong aud": forged(aud="livekit"),
    "no aud": forged(aud=None),
    "wrong iss": forged(iss="devkey"),
    "no sub": forged(sub=None),
    "no role": forged(role=None),
}


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_a_bad_token_opens_nothing(api: httpx.AsyncClient, method: str, path: str) -> None:
    assert await call(api, method, path, forged()) not in {401, 403}, "the good one does"
    for what, token in BAD_TOKENS.items():
        assert await call(api, method, path, token) == 401, what
