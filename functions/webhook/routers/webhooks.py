"""`POST /webhooks/livekit`: verified, applied, noted by event id, and answered."""

from functools import partial

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from functions.webhook.metrics import WEBHOOK_SECONDS, count_webhook
from functions.webhook.services import Services, Using
from parley.domain.room import Room
from parley.errors import NotFoundError, UnauthorizedError
from parley.livekit_api import WebhookEvent
from parley.rooms.completion import finalize_room
from parley.rooms.egress import apply_egress, begin_egress
from parley.rooms.events import Outcome, apply_event
from parley.telemetry.lambda_run import correlated
from parley.telemetry.logs import get_logger

router = APIRouter(tags=["webhooks"])
log = get_logger("webhooks")


class Receipt(BaseModel):
    """What became of a webhook."""

    outcome: str = Field(description="`handled`, `duplicate`, `ignored` or `unregistered`.")


@router.post("/webhooks/livekit", response_model=Receipt)
async def receive_webhook(request: Request, services: Using) -> Response:
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
        with correlated(event.id, room_sid=event.room_sid):
            outcome = await _handle(services, event)
    count_webhook(event.kind, outcome)
    # Written here: FastAPI would check it once more on the way out.
    return Response(Receipt(outcome=outcome).model_dump_json(), media_type="application/json")


async def _handle(services: Services, event: WebhookEvent) -> str:
    stores = services.stores
    room = await _room_of(services, event) if event.room_sid else None
    if room is None:
        return "unregistered"
    # Applied first: a repeat changes nothing, and what dies half-way was never handled.
    try:
        outcome = await _apply(services, room, event)
    except NotFoundError:
        services.known_rooms.forget(room.id)
        if await stores.rooms.find(room.id) is not None:
            raise  # something else was not found
        return "unregistered"  # erased since it was read
    if outcome is Outcome.IGNORED:
        return outcome  # it did nothing, and would do nothing again
    if not await stores.events.record(event.id, event.kind, services.clock()):
        return "duplicate"
    return Outcome.HANDLED if outcome is Outcome.ENDED else outcome


async def _room_of(services: Services, event: WebhookEvent) -> Room | None:
    if event.egress is not None or event.kind == "room_finished":  # few, and of the room's tracks
        return await services.stores.rooms.find(event.room_sid)
    return await services.known_rooms.find(services.stores.rooms, event.room_sid)


async def _apply(services: Services, room: Room, event: WebhookEvent) -> Outcome:
    stores, clock = services.stores, services.clock
    if event.egress is not None:
        applied = await apply_egress(
            stores, services.blobs, services.livekit, room, event.egress, clock
        )
        return Outcome.HANDLED if applied else Outcome.IGNORED
    outcome = await apply_event(stores, services.blobs, room, event, clock)
    if outcome is Outcome.ENDED:
        await _finalize_after_grace(services, room)
    elif outcome is Outcome.HANDLED and _begins_egress(room, event):
        await _begin_egress(services, room, event)
    return outcome


def _begins_egress(room: Room, event: WebhookEvent) -> bool:
    return event.kind == "track_published" and room.options.record == "egress"


async def _begin_egress(services: Services, room: Room, event: WebhookEvent) -> None:
    """LiveKit may take seconds to refuse, and sends a room's next webhook after this one."""
    assert event.track is not None
    sid = event.track.sid
    begin = partial(begin_egress, services.stores, services.livekit, room, sid, services.clock)
    await services.grace.after(0, f"egress-{sid}", begin)


async def _finalize_after_grace(services: Services, room: Room) -> None:
    await services.grace.after(
        services.settings.finalize_grace_s,
        room.id,
        partial(_finalize, services, room.id),
    )


async def _finalize(services: Services, room_sid: str) -> None:
    await finalize_room(services.stores, services.blobs, room_sid, services.clock)
    await services.announcer.announce(room_sid)
