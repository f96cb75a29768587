"""Public keys from a JWKS URL: cached, and fetched for an unknown one at most once a minute."""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import jwt

from parley.errors import UnauthorizedError
from parley.telemetry.logs import get_logger

log = get_logger("auth")


class JwksKeys:
    """The keys that a JWKS URL lists now."""

    def __init__(
        self,
        url: str,
        *,
        algorithms: Sequence[str],
        max_age_s: float = 600.0,
        refetch_s: float = 60.0,
        monotonic: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """Fetch from this URL.

        Args:
            url: where the key set is.
            algorithms: the algorithms that keys may be used with.
            max_age_s: seconds after which the set is fetched again.
            refetch_s: least seconds between two fetches for an unknown `kid`.
            monotonic: a clock in seconds.
            transport: another way to send requests.
        """
        self._url = url
        self._algorithms = frozenset(algorithms)
        self._max_age_s, self._refetch_s = max_age_s, refetch_s
        self._monotonic = monotonic
        self._transport = transport
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched: float | None = None
        self._tried: float | None = None
        self._lock = asyncio.Lock()

    async def key_for(self, header: dict[str, Any]) -> jwt.PyJWK:
        """The key that a token's header names.

        Raises:
            UnauthorizedError: no such key, or it is not for the token's algorithm.
        """
        kid, algorithm = header.get("kid"), header.get("alg")
        if algorithm not in self._algorithms or not isinstance(kid, str):
            raise UnauthorizedError("the token is not signed in a way that is accepted here")
        async with self._lock:
            if self._stale() or (kid not in self._keys and self._may_try()):
                await self._fetch()
        key = self._keys.get(kid)
        if key is None or key.algorithm_name != algorithm:
            raise UnauthorizedError("the token's key is not known")
        return key

    def _stale(self) -> bool:
        if self._fetched is None or self._monotonic() - self._fetched > self._max_age_s:
            return self._may_try()
        return False

    def _may_try(self) -> bool:
        return self._tried is None or self._monotonic() - self._tried >= self._refetch_s

    async def _fetch(self) -> None:
        self._tried = self._monotonic()
        try:
            async with httpx.AsyncClient(transport=self._transport, timeout=5) as client:
                answer = await client.get(self._url)
                answer.raise_for_status()
                key_set = jwt.PyJWKSet.from_dict(answer.json())
        except (httpx.HTTPError, jwt.PyJWTError, ValueError) as error:
            # The keys at hand stay good; without any, every token is refused.
            log.warning("the key set cannot be fetched", reason=type(error).__name__)
            return
        self._keys = {key.key_id: key for key in key_set.keys if key.key_id}
        self._fetched = self._monotonic()
