"""`POST /rooms/{sid}/token`: LiveKit join tokens for those who may join."""

from fastapi import APIRouter, status
from pydantic import BaseModel, Field

from functions.webhook.guard import Caller
from functions.webhook.limits import MINT
from functions.webhook.parameters import RoomSid
from functions.webhook.services import Using
from parley.auth import Principal, Role
from parley.domain.room import RoomStatus
from parley.errors import BadInputError, ConflictError, ForbiddenError
from parley.rooms.registry import LANGUAGE_ATTRIBUTE

router = APIRouter(tags=["rooms"])
_MAY_NAME_OTHERS = (Role.ADMIN, Role.HOST)


class JoinRequest(BaseModel):
    """Who is to join."""

    identity: str | None = Field(
        None, min_length=1, max_length=128, description="Else the token's own subject."
    )
    name: str = Field("", max_length=128, description="What others see.")
    language: str | None = Field(
        None, pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$", description="What they speak."
    )
    ttl_s: int = Field(3600, ge=60, le=86_400, description="Life of the token in seconds.")


class JoinToken(BaseModel):
    """What a LiveKit client needs to join."""

    url: str = Field(description="WebSocket URL of LiveKit.")
    room: str = Field(description="The room's name.")
    identity: str
    token: str
    can_publish: bool


@router.post("/rooms/{sid}/token", status_code=status.HTTP_201_CREATED, response_model=JoinToken)
async def mint_join_token(
    sid: RoomSid, body: JoinRequest, caller: Caller, services: Using
) -> JoinToken:
    """A token with which to join the room; viewers can listen only."""
    services.limits.spend(MINT, caller)
    identity = _identity(caller, body.identity)
    room = await services.stores.rooms.get(sid)
    if room.status is not RoomStatus.ACTIVE:
        raise ConflictError("the room is over")
    speaks = caller.role is not Role.VIEWER
    token = services.livekit.join_token(
        room.name,
        identity,
        name=body.name,
        ttl_s=body.ttl_s,
        can_publish=speaks,
        can_send_data=speaks,
        attributes={LANGUAGE_ATTRIBUTE: body.language} if body.language else None,
    )
    return JoinToken(
        url=services.settings.livekit_url,
        room=room.name,
        identity=identity,
        token=token,
        can_publish=speaks,
    )


def _identity(caller: Principal, wanted: str | None) -> str:
    if caller.role in _MAY_NAME_OTHERS:
        if wanted is None and caller.role is Role.ADMIN:
            raise BadInputError("`identity` says who is to join")
        return wanted or caller.sub
    if wanted not in (None, caller.sub):
        raise ForbiddenError("a token for somebody else needs a host")
    return caller.sub
