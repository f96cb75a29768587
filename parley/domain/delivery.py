"""Outbound events: what others are told of a room, to whom, and how often it was tried."""

import base64
import binascii
import hashlib
from enum import StrEnum
from typing import Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, SecretStr, field_validator

from parley.domain.base import Record

SECRET_PREFIX = "whsec_"
_SHORTEST_SECRET = 24  # bytes, as Standard Webhooks asks for


class EventKind(StrEnum):
    """What others can be told of."""

    ROOM_COMPLETED = "room.completed"
    TRANSCRIPT_FINAL = "transcript.final"
    SUMMARY_READY = "summary.ready"


class EventEndpoint(Record):
    """Somebody who is told: where, and with which secret it is signed."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: str = Field(pattern=r"^[a-z0-9-]{1,40}$", description="What the delivery log calls it.")
    url: str = Field(description="Where events are posted; https.")
    secret: SecretStr = Field(description="Standard Webhooks secret: whsec_ and base64.")
    kinds: tuple[EventKind, ...] = Field(tuple(EventKind), description="What it is told of.")

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be an http(s) URL")
        if parts.username or parts.password:
            raise ValueError("must hold no user or password")
        return url

    @field_validator("secret")
    @classmethod
    def _is_secret(cls, secret: SecretStr) -> SecretStr:
        text = secret.get_secret_value()
        try:
            key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
        except binascii.Error:
            key = b""
        if not text.startswith(SECRET_PREFIX) or len(key) < _SHORTEST_SECRET:
            raise ValueError(f"must be {SECRET_PREFIX} and base64 of {_SHORTEST_SECRET} bytes")
        return secret


class Event(Record):
    """Something that happened in a room; it is stored in its room as one line until it is told.

    Attributes:
        kind: what.
        room_sid: the room.
        subject: sid of the room or track that it is about.
        at_ms: when, in ms since the epoch.
    """

    kind: EventKind
    room_sid: str
    subject: str
    at_ms: int

    @property
    def line(self) -> str:
        """The event as its room's outbox holds it."""
        return f"{self.kind.value} {self.subject} {self.at_ms}"

    @classmethod
    def of_line(cls, room_sid: str, line: str) -> Self:
        """The event that a line of a room's outbox holds."""
        kind, subject, at_ms = line.split(" ")
        return cls(kind=EventKind(kind), room_sid=room_sid, subject=subject, at_ms=int(at_ms))

    @property
    def id(self) -> str:
        """The same for every delivery of this event, so that receivers know a repeat."""
        digest = hashlib.sha256(f"{self.room_sid} {self.line}".encode()).hexdigest()
        return f"msg_{digest[:32]}"


class DeliveryStatus(StrEnum):
    """How far a delivery is; all but the first are final."""

    PENDING = "pending"
    DELIVERED = "delivered"
    REFUSED = "refused"  # the address may not be sent to, or the receiver wants no more
    FAILED = "failed"  # tried for a day


class Attempt(Record):
    """One try.

    Attributes:
        at_ms: when.
        status: the HTTP status, when there was one.
        error: what went wrong, in words.
        took_ms: how long it took.
    """

    at_ms: int
    status: int | None = None
    error: str | None = None
    took_ms: int = 0


class Delivery(Record):
    """One event for one endpoint."""

    event: Event
    event_id: str
    endpoint: str
    status: DeliveryStatus = DeliveryStatus.PENDING
    next_ms: int = Field(description="When it is tried next.")
    rounds: int = Field(0, description="How often it was tried so far, repeats at once aside.")
    attempts: tuple[Attempt, ...] = ()

    @property
    def key(self) -> str:
        """Its name within its room."""
        return f"{self.event_id}-{self.endpoint}"
