"""A key set behind a URL, without a network: what a real one answers, and its failures."""

import json
from typing import Any

import httpx
import jwt.algorithms
from cryptography.hazmat.primitives.asymmetric import rsa


class KeyServer:
    """Answers with the public halves of its keys."""

    def __init__(self, keys: dict[str, Any]) -> None:
        self.keys = keys
        self.fetches = 0
        self.failing = False
        self.now_s = 0.0

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, _request: httpx.Request) -> httpx.Response:
        self.fetches += 1
        if self.failing:
            return httpx.Response(500)
        return httpx.Response(200, json={"keys": [self._public(kid) for kid in self.keys]})

    def _public(self, kid: str) -> dict[str, Any]:
        key = self.keys[kid].public_key()
        if isinstance(self.keys[kid], rsa.RSAPrivateKey):
            found = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key))
            found["alg"] = "RS256"
        else:
            found = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(key))
            found["alg"] = "ES256"
        return {**found, "kid": kid, "use": "sig"}
