"""Rooms: one LiveKit room session, identified by its sid; a name can come back as another room."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from parley.domain.base import Record

IdentityKey = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$")]
"""An identity as a key of a stored document, which can't hold a NUL."""


class RoomStatus(StrEnum):
    """`active` accepts tracks; `final_room` waits for its tracks; `completed` has them all."""

    ACTIVE = "active"
    FINAL_ROOM = "final_room"
    COMPLETED = "completed"


class RoomOptions(Record):
    """What is to be done with a room."""

    record: Literal["agent", "egress", "none"] = "agent"
    summarize: bool = True
    answers: Literal["off", "addressed", "all"] = Field(
        "off",
        description="Which spoken questions the assistant answers: none, those to it by name, or "
        "any.",
    )
    interruption: Literal["off", "duck", "stop"] | None = Field(
        None,
        description="What somebody who begins to speak does to the assistant's voice: nothing, "
        "lower it, or end it; null is the agent's own setting.",
    )
    agents: int = Field(
        1,
        ge=1,
        le=8,
        description="Agents that share the room's speakers, at least; more come by themselves "
        "when there are more speakers than they take.",
    )
    languages: dict[IdentityKey, str] = Field(
        default_factory=dict, description="Language per participant identity."
    )
    language: str | None = Field(None, description="Language of everyone else.")


class SummaryState(Record):
    """How far the room's summary is."""

    status: Literal["none", "requested", "done", "failed"] = "none"
    input_hash: str | None = None
    requested_ms: int | None = None
    attempts: int = 0
    error: str | None = None


class Room(Record):
    """The stored document of a room."""

    id: str = Field(alias="_id")
    name: str
    status: RoomStatus = RoomStatus.ACTIVE
    registered_ms: int
    ended_ms: int | None = Field(None, description="When LiveKit said that the room is over.")
    empty_since_ms: int | None = Field(
        None, description="Since when the reconciler found nobody in it."
    )
    finalized_ms: int | None = None
    completed_ms: int | None = None
    participants: tuple[str, ...] = Field((), description="Identities seen in the room.")
    tracks: tuple[str, ...] = ()
    pending_tracks: tuple[str, ...] = ()
    options: RoomOptions = Field(default_factory=RoomOptions)
    summary: SummaryState = Field(default_factory=SummaryState)
    outbox: tuple[str, ...] = Field((), description="Events that are still to be told of.")
