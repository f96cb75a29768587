"""Rooms: open, register, list, look at, finalise."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Query, status
from pydantic import BaseModel, Field

from functions.webhook.guard import Caller
from functions.webhook.limits import SEARCH
from functions.webhook.parameters import Moment, RoomSid
from functions.webhook.services import Services, Using
from parley.domain.room import Room, RoomOptions, RoomStatus, SummaryState
from parley.errors import BadInputError
from parley.rooms.closing import close_room
from parley.rooms.erase import erase_room
from parley.rooms.recording import recording_method
from parley.rooms.registry import Registration, open_room, register_room
from parley.storage.rooms import RoomSearch

router = APIRouter(tags=["rooms"])


class RoomView(BaseModel):
    """A room as the API shows it."""

    sid: str
    name: str
    status: RoomStatus
    registered_ms: int
    ended_ms: int | None
    finalized_ms: int | None
    completed_ms: int | None
    participants: list[str] = Field(description="Identities seen in the room.")
    tracks: list[str] = Field(description="Sids of its audio tracks.")
    pending_tracks: list[str] = Field(description="Those that the room still waits for.")
    options: RoomOptions
    summary: SummaryState


class RoomList(BaseModel):
    """Rooms, newest first."""

    rooms: list[RoomView]
    next_cursor: str | None = Field(description="Give it as `cursor` for older ones.")


class OpenRoom(BaseModel):
    """A room to be opened."""

    name: str = Field(min_length=1, max_length=128, description="The room's name in LiveKit.")
    options: RoomOptions = Field(default_factory=RoomOptions)


class RegisterRoom(BaseModel):
    """A room that is open already."""

    name: str | None = Field(None, max_length=256, description="Its name, else it is looked up.")
    options: RoomOptions = Field(default_factory=RoomOptions)


class RegistrationView(BaseModel):
    """What a registration found."""

    room: RoomView
    new: bool = Field(description="Whether the room was not registered before.")
    swept: int = Field(description="Audio tracks that were already published.")


def view(room: Room) -> RoomView:
    """A room as the API shows it."""
    return RoomView(sid=room.id, **room.model_dump(exclude={"id"}))


async def _registration(services: Services, found: Registration) -> RegistrationView:
    room = found.room
    if room.status is RoomStatus.ACTIVE and room.pending_tracks:
        method = recording_method(room, services.stores, services.livekit, services.clock)
        begin = partial(method.begin, room)
        await services.grace.after(0, f"recording-{room.id}", begin)
    return RegistrationView(room=view(found.room), new=found.new, swept=found.swept)


@router.post("/rooms", status_code=status.HTTP_201_CREATED, response_model=RegistrationView)
async def create_room(body: OpenRoom, services: Using) -> RegistrationView:
    """Open a room in LiveKit, register it and send the agent in; calling again changes nothing."""
    found = await open_room(
        services.stores,
        services.livekit,
        name=body.name,
        options=body.options,
        agent_name=services.settings.agent_name,
        clock=services.clock,
    )
    return await _registration(services, found)


@router.get("/rooms", response_model=RoomList)
async def list_rooms(
    caller: Caller,
    services: Using,
    room_status: Annotated[RoomStatus | None, Query(alias="status")] = None,
    name: Annotated[str | None, Query(max_length=256, description="The exact name.")] = None,
    participant: Annotated[str | None, Query(max_length=256, description="An identity.")] = None,
    since_ms: Annotated[Moment, Query(description="Registered at or after.")] = None,
    until_ms: Annotated[Moment, Query(description="Registered before.")] = None,
    cursor: Annotated[str | None, Query(max_length=128)] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> RoomList:
    """The rooms that the token holds, newest first."""
    if name is not None or participant is not None:
        services.limits.spend(SEARCH, caller)
    search = RoomSearch(
        status=room_status,
        name=name,
        participant=participant,
        since_ms=since_ms,
        until_ms=until_ms,
        sids=None if caller.all_rooms else tuple(sorted(caller.rooms)),
        after=_decoded(cursor) if cursor else None,
    )
    found = [room async for room in services.stores.rooms.search(search, limit=limit + 1)]
    page = found[:limit]
    more = len(found) > limit
    return RoomList(
        rooms=[view(room) for room in page], next_cursor=_encoded(page[-1]) if more else None
    )


def _encoded(room: Room) -> str:
    return f"{room.registered_ms}.{room.id}"


def _decoded(cursor: str) -> tuple[int, str]:
    registered, _, sid = cursor.partition(".")
    if not registered.isascii() or not registered.isdigit() or len(registered) > 15 or not sid:
        raise BadInputError("the cursor is not one of ours")
    return int(registered), sid


@router.get("/rooms/{sid}", response_model=RoomView)
async def get_room(sid: RoomSid, services: Using) -> RoomView:
    """One room."""
    return view(await services.stores.rooms.get(sid))


@router.delete("/rooms/{sid}", status_code=status.HTTP_204_NO_CONTENT)
async def delete_room(sid: RoomSid, caller: Caller, services: Using) -> None:
    """Erase a room that is over: recordings, words and summary. A tombstone stays."""
    await erase_room(services.stores, services.blobs, sid, by=caller.sub, clock=services.clock)
    services.known_rooms.forget(sid)


@router.post("/rooms/{sid}/register", response_model=RegistrationView)
async def register(sid: RoomSid, body: RegisterRoom, services: Using) -> RegistrationView:
    """Register an open room (its agent calls this) and take in what is published already."""
    found = await register_room(
        services.stores,
        services.livekit,
        sid=sid,
        name=body.name,
        options=body.options,
        clock=services.clock,
    )
    return await _registration(services, found)


@router.post("/rooms/{sid}/finalize", response_model=RoomView)
async def finalize(sid: RoomSid, services: Using) -> RoomView:
    """Accept no more tracks; the room completes once all it has are transcribed."""
    room = await close_room(services.stores, services.blobs, services.livekit, sid, services.clock)
    if room.status is RoomStatus.COMPLETED:
        tell = partial(services.announcer.announce, sid)
        await services.grace.after(0, f"announce-{sid}", tell)
    return view(room)
