"""`GET /rooms/{sid}/deliveries`: who was told what of a room, and whether it arrived."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from functions.webhook.parameters import RoomSid
from functions.webhook.services import Using
from parley.domain.delivery import Attempt, Delivery, DeliveryStatus, EventKind

router = APIRouter(tags=["events"])


class DeliveryView(BaseModel):
    """One event for one endpoint."""

    event_id: str = Field(description="The `webhook-id` header, the same in every try.")
    type: EventKind
    occurred_ms: int
    subject: str = Field(description="Sid of the room or track that it is about.")
    endpoint: str
    status: DeliveryStatus
    next_ms: int | None = Field(description="When it is tried next; null when it is not.")
    attempts: list[Attempt] = Field(description="The last tries, oldest first.")


class DeliveryList(BaseModel):
    """A room's deliveries, oldest event first."""

    deliveries: list[DeliveryView]


def view(delivery: Delivery) -> DeliveryView:
    """A delivery as the API shows it."""
    pending = delivery.status is DeliveryStatus.PENDING
    return DeliveryView(
        event_id=delivery.event_id,
        type=delivery.event.kind,
        occurred_ms=delivery.event.at_ms,
        subject=delivery.event.subject,
        endpoint=delivery.endpoint,
        status=delivery.status,
        next_ms=delivery.next_ms if pending else None,
        attempts=list(delivery.attempts),
    )


@router.get("/rooms/{sid}/deliveries", response_model=DeliveryList)
async def list_deliveries(sid: RoomSid, services: Using) -> DeliveryList:
    """The outbound events of a room and what became of them; empty where nobody is told."""
    await services.stores.rooms.get(sid)
    found = await services.stores.deliveries.of_room(sid)
    return DeliveryList(deliveries=[view(delivery) for delivery in found])
