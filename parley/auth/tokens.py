"""API tokens: JWTs that say who calls, in which role and for which rooms."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import jwt

from parley.auth.keys import JwksKeys
from parley.errors import SetupError, UnauthorizedError
from parley.settings import Settings

LOCAL_ALGORITHM = "HS256"
JWKS_ALGORITHMS = ("RS256", "ES256")
REQUIRED_CLAIMS = ("iss", "aud", "exp", "sub")
MIN_KEY_BYTES = 32
ALL_ROOMS = "*"


class Role(StrEnum):
    """What somebody is to the system; `parley.auth.policy` says what each may do."""

    ADMIN = "admin"
    HOST = "host"
    PARTICIPANT = "participant"
    VIEWER = "viewer"
    SERVICE = "service"


@dataclass(frozen=True)
class Principal:
    """A caller whose token was verified.

    Attributes:
        sub: who they are; a participant's identity in rooms.
        role: what they are.
        rooms: the sids of the rooms they hold, or `*` for all.
    """

    sub: str
    role: Role
    rooms: frozenset[str]

    @property
    def all_rooms(self) -> bool:
        """Whether the token is good for every room."""
        return ALL_ROOMS in self.rooms

    def holds(self, room_sid: str) -> bool:
        """Whether the token is good for this room."""
        return self.all_rooms or room_sid in self.rooms


def mint(
    settings: Settings,
    *,
    sub: str,
    role: str,
    rooms: Sequence[str] = (ALL_ROOMS,),
    ttl_s: int = 3600,
    now_s: float | None = None,
) -> str:
    """A token signed with the local key.

    Args:
        settings: the key, issuer and audience.
        sub: who it is for.
        role: one of `Role`.
        rooms: sids of the rooms it is good for, or `*`.
        ttl_s: life in seconds.
        now_s: the time of issue in seconds since the epoch, else now.

    Raises:
        SetupError: there is no local key, or it is too short.
    """
    issued = int(time.time() if now_s is None else now_s)
    claims = {
        "iss": settings.auth_issuer,
        "aud": settings.auth_audience,
        "iat": issued,
        "exp": issued + ttl_s,
        "sub": sub,
        "role": Role(role).value,
        "rooms": list(rooms),
    }
    return jwt.encode(claims, local_key(settings), algorithm=LOCAL_ALGORITHM)


def local_key(settings: Settings) -> str:
    """The local signing key; raises `SetupError` when it is missing or shorter than 32 bytes."""
    key = settings.auth_key.get_secret_value()
    if len(key.encode()) < MIN_KEY_BYTES:
        raise SetupError(
            f"PARLEY_AUTH_KEY must have at least {MIN_KEY_BYTES} bytes: "
            "`parley up` makes one, or use `openssl rand -hex 32`"
        )
    return key


class TokenVerifier:
    """Verifies API tokens against the local key or a JWKS URL, never both."""

    def __init__(self, settings: Settings, keys: JwksKeys | None = None) -> None:
        """Verify as the settings say; `keys` replaces the ones of the JWKS URL."""
        self._settings = settings
        if keys is None and settings.auth_jwks_url:
            keys = JwksKeys(settings.auth_jwks_url, algorithms=JWKS_ALGORITHMS)
        self._keys = keys

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The verifier that the settings describe."""
        return cls(settings)

    async def verify(self, token: str) -> Principal:
        """The caller that a token names.

        Raises:
            UnauthorizedError: the token is not ours, not valid now or lacks a claim.
            SetupError: no key is configured.
        """
        try:
            claims = await self._claims(token)
            return _principal(claims)
        except jwt.ExpiredSignatureError as error:
            raise UnauthorizedError("the token has expired") from error
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise UnauthorizedError("the token is not valid here") from error

    async def _claims(self, token: str) -> dict[str, Any]:
        if self._keys is not None:
            key: Any = await self._keys.key_for(jwt.get_unverified_header(token))
            algorithms: Sequence[str] = JWKS_ALGORITHMS
        else:
            key, algorithms = local_key(self._settings), (LOCAL_ALGORITHM,)
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(algorithms),
            issuer=self._settings.auth_issuer,
            audience=self._settings.auth_audience,
            options={"require": list(REQUIRED_CLAIMS)},
        )
        return claims


def _principal(claims: dict[str, Any]) -> Principal:
    rooms = claims.get("rooms", [])
    if not isinstance(rooms, list) or not all(isinstance(room, str) for room in rooms):
        raise ValueError("`rooms` is a list of room sids")
    if not claims["sub"]:
        raise ValueError("`sub` is empty")
    return Principal(
        sub=str(claims["sub"]), role=Role(claims.get("role", "")), rooms=frozenset(rooms)
    )
