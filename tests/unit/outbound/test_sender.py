"""One event to one receiver: signed, to the checked address, and nowhere else."""

import asyncio
import time
from collections.abc import AsyncIterator
from ipaddress import ip_address

import pytest

from parley.domain.delivery import Event, EventEndpoint, EventKind
from parley.outbound.addresses import Address
from parley.outbound.errors import DeliveryError
from parley.outbound.payload import payload
from parley.outbound.sender import Sender
from tests.fakes.receiver import Receiver, receiver

EVENT = Event(
    kind=EventKind.TRANSCRIPT_FINAL, room_sid="RM_a", subject="TR_a", at_ms=1_790_000_000_123
)
BODY = payload(EVENT, "https://parley.example/")


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
async def found() -> AsyncIterator[Receiver]:
    async with receiver() as found:
        yield found


async def send(endpoint: EventEndpoint, sender: Sender | None = None) -> int:
    return await (sender or Sender(loopback=True)).send(endpoint, EVENT.id, BODY, now_ms())


async def test_the_receiver_can_check_who_sent_it(found: Receiver) -> None:
    assert await send(found.endpoint()) == 200
    assert found.ids == [EVENT.id]
    assert found.got == [
        {
            "type": "transcript.final",
            "timestamp": "2026-09-21T14:13:20.123Z",
            "data": {
                "room_sid": "RM_a",
                "track_sid": "TR_a",
                "transcript_url": "https://parley.example/rooms/RM_a/transcript?version=final",
            },
        }
    ]


@pytest.mark.parametrize(("status", "final"), [(500, False), (404, False), (410, True)])
async def test_what_is_not_taken_is_an_error_that_says_so(
    found: Receiver, status: int, final: bool
) -> None:
    found.answers = [status]
    with pytest.raises(DeliveryError) as raised:
        await send(found.endpoint())
    assert (raised.value.status, raised.value.final, raised.value.retryable) == (
        status,
        final,
        not final,
    )


async def test_a_redirect_is_not_followed(found: Receiver) -> None:
    async with receiver() as other:
        found.answers, found.location = [307], other.url
        with pytest.raises(DeliveryError) as raised:
            await send(found.endpoint())
        assert raised.value.status == 307
        assert other.requests == 0


async def test_this_machine_is_refused_unless_development_allows_it(found: Receiver) -> None:
    with pytest.raises(DeliveryError, match="public") as raised:
        await send(found.endpoint(), Sender())
    assert raised.value.final
    assert found.requests == 0


async def test_it_connects_to_the_address_that_was_checked(found: Receiver) -> None:
    """A name that answers otherwise the second time cannot lead elsewhere: it is asked once."""
    asked: list[str] = []

    async def answers(host: str, port: int) -> list[Address]:
        asked.append(host)
        return [ip_address("127.0.0.1" if len(asked) == 1 else "10.0.0.1")]

    endpoint = found.endpoint(url=f"http://hooks.example:{found.port}/events")
    assert await send(endpoint, Sender(loopback=True, resolve=answers)) == 200
    assert asked == ["hooks.example"]
    assert found.hosts == [f"hooks.example:{found.port}"]


async def test_a_receiver_that_hangs_is_left(found: Receiver) -> None:
    found.hang = asyncio.Event()
    with pytest.raises(DeliveryError, match="no answer") as raised:
        await send(found.endpoint(), Sender(loopback=True, timeout_s=0.2))
    assert raised.value.retryable
    found.hang.set()


@pytest.mark.parametrize(
    ("url", "reason", "final"),
    [
        ("http://127.0.0.1:1/", "cannot be reached", False),
        ("https://127.0.0.1:1/", "cannot be reached", False),
        ("http://1.1.1.1/", "plain HTTP", True),
        ("https://169.254.169.254/latest", "not a public one", True),
        ("https://name.invalid/", "no address", False),
    ],
)
async def test_what_cannot_be_sent_to(found: Receiver, url: str, reason: str, final: bool) -> None:
    with pytest.raises(DeliveryError, match=reason) as raised:
        await send(found.endpoint(url=url))
    assert raised.value.final is final
    assert url.split("/")[2] not in str(raised.value)


async def test_a_receiver_without_a_valid_certificate_gets_nothing(found: Receiver) -> None:
    with pytest.raises(DeliveryError):
        await send(found.endpoint(url=found.url.replace("http:", "https:")))
    assert found.requests == 0
