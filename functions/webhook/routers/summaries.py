"""`GET /rooms/{sid}/summary`."""

from fastapi import APIRouter

from functions.webhook.parameters import RoomSid
from functions.webhook.services import Using
from parley.domain.summary import Summary
from parley.errors import NotFoundError

router = APIRouter(tags=["summary"])


@router.get("/rooms/{sid}/summary", response_model=Summary, response_model_by_alias=False)
async def get_summary(sid: RoomSid, services: Using) -> Summary:
    """The room's summary; 404 until it is made."""
    room = await services.stores.rooms.get(sid)
    summary = await services.stores.summaries.find(sid)
    if summary is None:
        raise NotFoundError(f"room {sid} has no summary (its state: {room.summary.status})")
    return summary
