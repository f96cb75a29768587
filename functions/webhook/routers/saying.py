"""`POST /rooms/{sid}/say`: the room's assistant speaks; `DELETE` stops it."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Path, status
from pydantic import BaseModel, Field

from functions.webhook.guard import Caller
from functions.webhook.limits import SAY
from functions.webhook.parameters import RoomSid
from functions.webhook.services import Using
from parley.domain.speech import CancelMessage, RequestId, SayMessage, SpokenText
from parley.rooms.saying import send_to_assistant

router = APIRouter(tags=["speech"])


class SayBody(SpokenText):
    """What the assistant is to say."""

    id: RequestId | None = Field(
        None, description="Name of the request; the same one is spoken once. Else one is made."
    )


class SayReceipt(BaseModel):
    """The request is on its way; the room's `tts_status` packets say what becomes of it."""

    id: str


@router.post("/rooms/{sid}/say", status_code=status.HTTP_202_ACCEPTED, response_model=SayReceipt)
async def say(sid: RoomSid, body: SayBody, caller: Caller, services: Using) -> SayReceipt:
    """Have the room's assistant say something when it is its turn.

    What it says is recorded and in the transcript as the assistant's.
    """
    services.limits.spend(SAY, caller)
    room = await services.stores.rooms.get(sid)
    message = SayMessage(**body.model_dump(exclude={"id"}), id=body.id or uuid.uuid4().hex)
    await send_to_assistant(services.livekit, room, message)
    return SayReceipt(id=message.id)


@router.delete("/rooms/{sid}/say/{request_id}", status_code=status.HTTP_202_ACCEPTED)
async def stop_saying(
    sid: RoomSid,
    request_id: Annotated[str, Path(pattern=r"^[A-Za-z0-9_.:-]+$", max_length=64)],
    services: Using,
) -> SayReceipt:
    """Stop a request, whether it waits or is being spoken."""
    room = await services.stores.rooms.get(sid)
    await send_to_assistant(services.livekit, room, CancelMessage(id=request_id))
    return SayReceipt(id=request_id)
