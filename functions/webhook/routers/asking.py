"""`POST /rooms/{sid}/ask`: a typed question, which the room's assistant answers aloud."""

import uuid

from fastapi import APIRouter, status
from pydantic import BaseModel, Field

from functions.webhook.guard import Caller
from functions.webhook.limits import SAY
from functions.webhook.parameters import RoomSid
from functions.webhook.services import Using
from parley.answers.ask import AskMessage, TypedQuestion
from parley.domain.speech import RequestId
from parley.rooms.saying import send_to_assistant

router = APIRouter(tags=["speech"])


class AskBody(TypedQuestion):
    """What the assistant is asked."""

    id: RequestId | None = Field(
        None, description="Name of the request; the same one is answered once. Else one is made."
    )


class AskReceipt(BaseModel):
    """The question is on its way; the room's `tts_status` packets say what becomes of it."""

    id: str


@router.post("/rooms/{sid}/ask", status_code=status.HTTP_202_ACCEPTED, response_model=AskReceipt)
async def ask(sid: RoomSid, body: AskBody, caller: Caller, services: Using) -> AskReceipt:
    """Have the room's assistant answer a question aloud, from what was said in the room.

    It answers whatever the room's option `answers` says.
    """
    services.limits.spend(SAY, caller)
    room = await services.stores.rooms.get(sid)
    message = AskMessage(**body.model_dump(exclude={"id"}), id=body.id or uuid.uuid4().hex)
    await send_to_assistant(services.livekit, room, message)
    return AskReceipt(id=message.id)
