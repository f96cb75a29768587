"""Posts one signed event: connects to the address that was checked, follows no redirect."""

import asyncio
import datetime
import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpcore
from standardwebhooks import Webhook

from parley.domain.delivery import EventEndpoint
from parley.outbound.addresses import (
    AddressRefusedError,
    NameUnknownError,
    Resolve,
    checked,
    resolve,
)
from parley.outbound.errors import DeliveryError

USER_AGENT = "Parley-Webhooks/1"


class _CheckedBackend(httpcore.AsyncNetworkBackend):
    """Resolves a name itself and connects to what it has checked, so that nothing is in between."""

    def __init__(self, resolve: Resolve, *, loopback: bool, secure: bool) -> None:
        self._inner = httpcore.AnyIOBackend()
        self._resolve, self._loopback, self._secure = resolve, loopback, secure

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        found = await self._resolve(host, port)
        address = checked(found, loopback=self._loopback, secure=self._secure)
        return await self._inner.connect_tcp(
            str(address), port, timeout, local_address, socket_options
        )

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefusedError("not a network address")

    async def sleep(self, seconds: float) -> None:
        await self._inner.sleep(seconds)


@dataclass(frozen=True)
class Sender:
    """How events are posted.

    Attributes:
        loopback: whether this machine may be sent to, for development.
        timeout_s: longest wait for an answer, in seconds.
        resolve: gives the addresses of a name.
        ssl_context: which certificates are trusted, else the public authorities'.
    """

    loopback: bool = False
    timeout_s: float = 5.0
    resolve: Resolve = resolve
    ssl_context: ssl.SSLContext | None = None

    async def send(self, endpoint: EventEndpoint, event_id: str, body: str, now_ms: int) -> int:
        """Post an event; returns the receiver's status, which is one of success.

        Args:
            endpoint: the receiver.
            event_id: the same in every try.
            body: the payload, JSON.
            now_ms: the time of this try.

        Raises:
            DeliveryError: it was not taken.
        """
        status = await self._post(endpoint, _headers(endpoint, event_id, body, now_ms), body)
        if 200 <= status < 300:
            return status
        if status == 410:
            raise DeliveryError("the receiver wants no more", status=status, final=True)
        raise DeliveryError(f"the receiver answered {status}", status=status)

    async def _post(self, endpoint: EventEndpoint, headers: dict[str, str], body: str) -> int:
        secure = urlsplit(endpoint.url).scheme == "https"
        backend = _CheckedBackend(self.resolve, loopback=self.loopback, secure=secure)
        try:
            async with (
                asyncio.timeout(self.timeout_s),
                httpcore.AsyncConnectionPool(
                    network_backend=backend, ssl_context=self.ssl_context
                ) as pool,
                pool.stream(
                    "POST", endpoint.url, headers=list(headers.items()), content=body.encode()
                ) as answer,
            ):
                return int(answer.status)  # what else it says is not read
        except AddressRefusedError as error:
            raise DeliveryError(str(error), final=True) from error
        except NameUnknownError as error:
            raise DeliveryError(str(error)) from error
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise DeliveryError(f"no answer within {self.timeout_s:.0f} s") from error
        except ssl.SSLError as error:
            raise DeliveryError("its certificate is not valid") from error
        except (OSError, httpcore.NetworkError, httpcore.ProtocolError) as error:
            reason = "its certificate is not valid" if _is_tls(error) else "it cannot be reached"
            raise DeliveryError(reason) from error


def _is_tls(error: BaseException) -> bool:
    return "CERTIFICATE_VERIFY_FAILED" in str(error)


def _headers(endpoint: EventEndpoint, event_id: str, body: str, now_ms: int) -> dict[str, str]:
    at = datetime.datetime.fromtimestamp(now_ms // 1000, datetime.UTC)
    webhook = Webhook(endpoint.secret.get_secret_value())
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": event_id,
        "webhook-timestamp": str(now_ms // 1000),
        "webhook-signature": webhook.sign(event_id, at, body),
    }
