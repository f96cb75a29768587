"""Tells of events: at once by whoever made them, later by the reconciler, each at least once.

An event is written into its room by the very write that makes it. From there it becomes one pending
delivery an endpoint, and each of these is tried over a day: at once, then after the waits below.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import stamina

from parley.clock import Clock, wall_clock_ms
from parley.domain.delivery import Attempt, Delivery, DeliveryStatus, Event, EventEndpoint
from parley.errors import ParleyError
from parley.outbound.errors import DeliveryError
from parley.outbound.payload import payload
from parley.settings import Settings
from parley.storage import Stores
from parley.telemetry.logs import get_logger
from parley.together import together

if TYPE_CHECKING:
    from parley.outbound.sender import Sender

log = get_logger("outbound")
_MINUTE_MS = 60_000
# Of a failed round until the next, as Standard Webhooks proposes; after the last it has failed.
WAITS_MS = tuple(minutes * _MINUTE_MS for minutes in (1, 5, 30, 120, 300, 600, 840))
_AT_ONCE = 2  # tries in one round
_HOLD_MS = 30_000  # longer than one round takes
_AT_A_TIME = 8
_KEPT_ATTEMPTS = 20


@dataclass(frozen=True)
class Announcer:
    """Who is told, and how.

    Attributes:
        stores: the database.
        endpoints: who wants to know; without any nothing is done.
        api_url: where they reach the REST API.
        loopback: whether this machine may be told too, for development.
        clock: the time.
    """

    stores: Stores
    endpoints: tuple[EventEndpoint, ...]
    api_url: str
    loopback: bool = False
    clock: Clock = wall_clock_ms

    @classmethod
    def from_settings(
        cls, settings: Settings, stores: Stores, clock: Clock = wall_clock_ms
    ) -> "Announcer":
        """Tell those whom the settings name."""
        return cls(
            stores=stores,
            endpoints=tuple(settings.event_endpoints),
            api_url=settings.public_url or settings.api_url,
            loopback=settings.event_allow_loopback,
            clock=clock,
        )

    async def announce(self, room_sid: str) -> int:
        """Tell what is new of a room; returns how many deliveries were made.

        What fails stays pending; no trouble with it is the caller's.
        """
        if not self.endpoints:
            return 0
        try:
            await self._take_up(room_sid)
            return await self._deliver(room_sid)
        except ParleyError as error:
            log.warning("left to the reconciler", room_sid=room_sid, reason=error.code)
            return 0

    async def announce_all(self) -> int:
        """Tell whatever is new or due of any room; returns how many deliveries were made."""
        if not self.endpoints:
            return 0
        rooms = {room.id async for room in self.stores.rooms.scan(query={"announcing": True})}
        rooms |= {sid async for sid in self.stores.deliveries.rooms_with_open()}
        gate = asyncio.Semaphore(_AT_A_TIME)

        async def one(sid: str) -> int:
            async with gate:
                return await self.announce(sid)

        return sum(await together(one(sid) for sid in sorted(rooms)))

    async def _take_up(self, room_sid: str) -> None:
        """Make deliveries of the lines in a room's outbox, then take the lines out."""
        room = await self.stores.rooms.find(room_sid)
        for line in room.outbox if room else ():
            event = Event.of_line(room_sid, line)
            for endpoint in self.endpoints:
                if event.kind in endpoint.kinds:
                    await self.stores.deliveries.add(
                        Delivery(
                            event=event,
                            event_id=event.id,
                            endpoint=endpoint.name,
                            next_ms=self.clock(),
                        )
                    )
            await self.stores.rooms.take_out(room_sid, line)

    async def _deliver(self, room_sid: str) -> int:
        found = await self.stores.deliveries.of_room(room_sid)
        now_ms = self.clock()
        due = [d for d in found if d.status is DeliveryStatus.PENDING and d.next_ms <= now_ms]
        return sum(await together(self._round(delivery) for delivery in due))

    async def _round(self, delivery: Delivery) -> bool:
        """Try a delivery, twice if need be, unless somebody else does."""
        if not await self.stores.deliveries.claim(delivery, self.clock(), _HOLD_MS):
            return False
        endpoint = next((e for e in self.endpoints if e.name == delivery.endpoint), None)
        if endpoint is None:
            gone = Attempt(at_ms=self.clock(), error="the endpoint is no longer configured")
            await self._save(delivery, [gone], DeliveryStatus.REFUSED)
            return False
        attempts: list[Attempt] = []
        try:
            async for attempt in stamina.retry_context(
                on=_retryable, attempts=_AT_ONCE, timeout=None, wait_initial=0.5, wait_max=2.0
            ):
                with attempt:
                    await self._attempt(delivery, endpoint, attempts)
        except DeliveryError as error:
            status = DeliveryStatus.REFUSED if error.final else DeliveryStatus.PENDING
            await self._save(delivery, attempts, status)
            return False
        await self._save(delivery, attempts, DeliveryStatus.DELIVERED)
        return True

    def _sender(self) -> "Sender":
        from parley.outbound.sender import Sender  # most processes never tell anybody

        return Sender(loopback=self.loopback)

    async def _attempt(
        self, delivery: Delivery, endpoint: EventEndpoint, attempts: list[Attempt]
    ) -> None:
        at_ms = self.clock()
        status: int | None = None
        reason: str | None = None
        try:
            body = payload(delivery.event, self.api_url)
            sender = self._sender()
            status = await sender.send(endpoint, delivery.event_id, body, at_ms)
        except DeliveryError as error:
            status, reason = error.status, str(error)
            raise
        finally:
            took_ms = self.clock() - at_ms
            attempts.append(Attempt(at_ms=at_ms, status=status, error=reason, took_ms=took_ms))

    async def _save(
        self, delivery: Delivery, attempts: list[Attempt], status: DeliveryStatus
    ) -> None:
        rounds = delivery.rounds + 1
        next_ms = delivery.next_ms
        if status is DeliveryStatus.PENDING:
            if rounds > len(WAITS_MS):
                status = DeliveryStatus.FAILED
            else:
                next_ms = self.clock() + WAITS_MS[rounds - 1]
        done = delivery.model_copy(
            update={
                "status": status,
                "rounds": rounds,
                "next_ms": next_ms,
                "attempts": (*delivery.attempts, *attempts)[-_KEPT_ATTEMPTS:],
            }
        )
        await self.stores.deliveries.save(done)
        log.info(
            "event delivery",
            room_sid=delivery.event.room_sid,
            kind=delivery.event.kind.value,
            endpoint=delivery.endpoint,
            status=status.value,
            http_status=attempts[-1].status if attempts else None,
            reason=attempts[-1].error if attempts else None,
        )


def _retryable(error: Exception) -> bool:
    return isinstance(error, DeliveryError) and error.retryable
