"""`POST /webhooks/livekit`: verified, claimed by event id, applied, and answered."""

from functools import partial

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from functions.webhook.metrics import WEBHOOK_SECONDS, count_webhook
from functions.webhook.services import Services, Using
from parley.domain.room import Room
from parley.errors import UnauthorizedError
from parley.livekit_api import WebhookEvent
from parley.rooms.completion import finalize_room
from parley.rooms.events import Outcome, apply_event
from parley.telemetry.logs import get_logger

router = APIRouter(tags=["webhooks"])
log = get_logger("webhooks")


class Receipt(BaseModel):
    """What became of a webhook."""

    outcome: str = Field(description="`handled`, `duplicate`, `ignored` or `unregistered`.")


@router.post("/webhooks/livekit", response_model=Receipt)
async def receive_webhook(request: Request, services: Using) -> Receipt:
    """Take one of LiveKit's webhooks.

    401 tells LiveKit that the same request will never do; 503 that it should try again.
    """
    with WEBHOOK_SECONDS.time():
        try:
            event = services.webhooks.verify(
                await request.body(), request.headers.get("authorization")
            )
        except UnauthorizedError:
            count_webhook("other", "refused")
            raise
        outcome = await _handle(services, event)
    count_webhook(event.kind, outcome)
    return Receipt(outcome=outcome)


async def _handle(services: Services, event: WebhookEvent) -> str:
    stores = services.stores
    room = await stores.rooms.find(event.room_sid) if event.room_sid else None
    if room is None:
        return "unregistered"
    if not await stores.events.claim(event.id, event.kind, services.clock()):
        return "duplicate"
    try:
        outcome = await apply_event(stores, services.blobs, room, event, services.clock)
        if outcome is Outcome.ENDED:
            await _finalize_after_grace(services, room)
    except BaseException:
        await stores.events.release(event.id)
        raise
    await stores.events.done(event.id)
    return Outcome.HANDLED if outcome is Outcome.ENDED else outcome


async def _finalize_after_grace(services: Services, room: Room) -> None:
    await services.grace.after(
        services.settings.finalize_grace_s,
        room.id,
        partial(finalize_room, services.stores, services.blobs, room.id, services.clock),
    )
