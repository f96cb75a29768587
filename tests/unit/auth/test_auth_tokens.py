"""API tokens: what is accepted, and every way in which one is not."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from livekit import api as livekit
from pydantic import SecretStr

from parley.auth import Principal, Role, TokenVerifier, mint
from parley.auth.keys import JwksKeys
from parley.auth.tokens import JWKS_ALGORITHMS
from parley.errors import SetupError, UnauthorizedError
from parley.settings import Settings
from tests.unit.auth.key_server import KeyServer

KEY = "k" * 32
SETTINGS = Settings(auth_key=SecretStr(KEY))


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    good = {
        "iss": "parley",
        "aud": "parley-api",
        "exp": now + 60,
        "sub": "ann",
        "role": "host",
        "rooms": ["RM_a"],
    }
    return {name: value for name, value in (good | changes).items() if value is not None}


def unsigned(body: dict[str, Any]) -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(body)}."


def signed(**changes: Any) -> str:
    return jwt.encode(claims(**changes), KEY, algorithm="HS256")


async def test_a_minted_token_names_its_holder() -> None:
    token = mint(SETTINGS, sub="ann", role="host", rooms=["RM_a", "RM_b"], ttl_s=60)
    principal = await TokenVerifier(SETTINGS).verify(token)
    assert principal == Principal("ann", Role.HOST, frozenset({"RM_a", "RM_b"}))
    assert principal.holds("RM_a")
    assert not principal.holds("RM_c")
    assert not principal.all_rooms


REFUSED = {
    "empty": "",
    "nonsense": "not.a.token",
    "alg none": unsigned(claims()),
    "another key": jwt.encode(claims(), "x" * 32, algorithm="HS256"),
    "another algorithm": jwt.encode(claims(), KEY * 2, algorithm="HS384"),
    "expired": signed(exp=int(time.time()) - 1),
    "not yet valid": signed(nbf=int(time.time()) + 600),
    "no exp": signed(exp=None),
    "no sub": signed(sub=None),
    "empty sub": signed(sub=""),
    "no aud": signed(aud=None),
    "no iss": signed(iss=None),
    "wrong aud": signed(aud="another-api"),
    "wrong iss": signed(iss="somebody"),
    "no role": signed(role=None),
    "unknown role": signed(role="root"),
    "rooms of the wrong form": signed(rooms="*"),
    "rooms of the wrong elements": signed(rooms=[1]),
    "LiveKit's": livekit.AccessToken("parley", KEY)
    .with_identity("ann")
    .with_grants(livekit.VideoGrants(room_join=True, room="x"))
    .to_jwt(),
}


@pytest.mark.parametrize("what", REFUSED)
async def test_a_token_that_is_not_good_is_refused(what: str) -> None:
    with pytest.raises(UnauthorizedError) as caught:
        await TokenVerifier(SETTINGS).verify(REFUSED[what])
    assert not REFUSED[what] or REFUSED[what] not in str(caught.value)


async def test_our_token_is_refused_by_livekit() -> None:
    token = mint(SETTINGS, sub="ann", role="admin")
    with pytest.raises(jwt.PyJWTError):
        livekit.TokenVerifier("devkey", KEY).verify(token)


@pytest.mark.parametrize("key", ["", "short"])
async def test_a_weak_local_key_is_a_setup_error(key: str) -> None:
    weak = Settings(auth_key=SecretStr(key))
    with pytest.raises(SetupError, match="PARLEY_AUTH_KEY"):
        mint(weak, sub="ann", role="host")
    with pytest.raises(SetupError, match="PARLEY_AUTH_KEY"):
        await TokenVerifier(weak).verify(signed())


# --- keys from a URL ---------------------------------------------------------


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


@pytest.fixture
def server(rsa_key: rsa.RSAPrivateKey) -> KeyServer:
    return KeyServer({"one": rsa_key})


@pytest.fixture
def verifier(server: KeyServer) -> TokenVerifier:
    keys = JwksKeys(
        "https://keys.example/jwks.json",
        algorithms=JWKS_ALGORITHMS,
        monotonic=lambda: server.now_s,
        transport=server.transport,
    )
    return TokenVerifier(SETTINGS, keys)


def by_key(key: Any, kid: str | None, algorithm: str = "RS256") -> str:
    headers = {"kid": kid} if kid else None
    return jwt.encode(claims(), key, algorithm=algorithm, headers=headers)


async def test_a_key_of_the_set_is_fetched_once(
    verifier: TokenVerifier, server: KeyServer, rsa_key: rsa.RSAPrivateKey
) -> None:
    for _ in range(3):
        assert (await verifier.verify(by_key(rsa_key, "one"))).sub == "ann"
    assert server.fetches == 1


async def test_a_rotated_key_is_found_and_the_old_one_refused(
    verifier: TokenVerifier, server: KeyServer, rsa_key: rsa.RSAPrivateKey
) -> None:
    await verifier.verify(by_key(rsa_key, "one"))
    new = ec.generate_private_key(ec.SECP256R1())
    server.keys = {"two": new}
    server.now_s += 61
    assert (await verifier.verify(by_key(new, "two", "ES256"))).sub == "ann"
    with pytest.raises(UnauthorizedError):
        await verifier.verify(by_key(rsa_key, "one"))


async def test_an_unknown_key_is_looked_for_at_most_once_a_minute(
    verifier: TokenVerifier, server: KeyServer, rsa_key: rsa.RSAPrivateKey
) -> None:
    await verifier.verify(by_key(rsa_key, "one"))
    for second in range(180):
        server.now_s = float(second)
        with pytest.raises(UnauthorizedError):
            await verifier.verify(by_key(rsa_key, "unknown"))
    assert server.fetches == 3


async def test_the_set_is_fetched_again_when_it_is_old(
    verifier: TokenVerifier, server: KeyServer, rsa_key: rsa.RSAPrivateKey
) -> None:
    await verifier.verify(by_key(rsa_key, "one"))
    server.now_s += 601
    server.keys = {"two": ec.generate_private_key(ec.SECP256R1())}
    with pytest.raises(UnauthorizedError):
        await verifier.verify(by_key(rsa_key, "one"))


async def test_a_key_server_that_is_away_does_not_take_known_keys_away(
    verifier: TokenVerifier, server: KeyServer, rsa_key: rsa.RSAPrivateKey
) -> None:
    await verifier.verify(by_key(rsa_key, "one"))
    server.now_s += 601
    server.failing = True
    assert (await verifier.verify(by_key(rsa_key, "one"))).sub == "ann"
    assert server.fetches == 2


async def test_a_public_key_does_not_serve_as_a_secret(
    verifier: TokenVerifier, rsa_key: rsa.RSAPrivateKey
) -> None:
    """The RS256/HS256 swap: a token signed with the public key as if it were a shared secret."""
    public = rsa_key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    body = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(claims())}"
    mac = hmac.new(public, body.encode(), hashlib.sha256).digest()
    forged = f"{body}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"
    with pytest.raises(UnauthorizedError):
        await verifier.verify(forged)


async def test_a_local_token_is_refused_where_keys_come_from_a_url(
    verifier: TokenVerifier,
) -> None:
    with pytest.raises(UnauthorizedError):
        await verifier.verify(mint(SETTINGS, sub="ann", role="admin"))


async def test_a_token_without_a_key_id_is_refused(
    verifier: TokenVerifier, rsa_key: rsa.RSAPrivateKey
) -> None:
    with pytest.raises(UnauthorizedError):
        await verifier.verify(by_key(rsa_key, None))
