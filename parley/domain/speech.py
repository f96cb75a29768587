"""The messages with which a room's assistant is made to speak, and what it answers.

Requests travel as JSON on the data topic `tts_control`, in the RPC method `say` and through the
REST API; each is answered by its states on the topic `tts_status`.
"""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from parley.errors import BadInputError

CONTROL_TOPIC = "tts_control"
STATUS_TOPIC = "tts_status"
MAX_PACKET_BYTES = 15 * 1024
MAX_CHARACTERS = 2_000

RequestId = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern=r"^[A-Za-z0-9_.:-]+$",
        description="The sender's name for the request, unique in the room.",
    ),
]


class SpokenText(BaseModel):
    """What is to be said, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    text: str = Field(min_length=1, max_length=MAX_CHARACTERS, description="Plain text.")
    voice: str | None = Field(None, max_length=64, description="A voice of the engine.")
    language: str | None = Field(
        None, max_length=35, description="BCP 47 tag; chooses a voice where none is named."
    )
    speed: float = Field(1.0, ge=0.5, le=2.0, description="Pace; 1 is the voice's own.")
    interruptible: bool = Field(
        True, description="Whether somebody who begins to speak may end it, where the room says so."
    )


class SayMessage(SpokenText):
    """Say this when it is its turn."""

    type: Literal["say"] = "say"
    id: RequestId


class CancelMessage(BaseModel):
    """Stop a request, whether it waits or is being spoken; without an id all of them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["cancel"] = "cancel"
    id: RequestId | None = None


class StatusMessage(BaseModel):
    """The state of a request; `error` says why it failed."""

    model_config = ConfigDict(frozen=True)

    id: str | None = Field(None, description="Null where the request had none that can be read.")
    status: Literal["queued", "speaking", "done", "cancelled", "interrupted", "failed"]
    error: str | None = None


ControlMessage = Annotated[SayMessage | CancelMessage, Field(discriminator="type")]
_CONTROL: TypeAdapter[SayMessage | CancelMessage] = TypeAdapter(ControlMessage)


class ControlError(BadInputError):
    """A message that is not one of ours.

    Attributes:
        request_id: the id in it, if that can be read.
    """

    code = "speech-request"

    def __init__(self, message: str, request_id: str | None = None) -> None:
        """Keep the message and the id."""
        super().__init__(message)
        self.request_id = request_id


def parse_control(data: bytes, *, new_id: str | None = None) -> SayMessage | CancelMessage:
    """Read a control message.

    Args:
        data: JSON, as it came. `{"id", "text", ...}` is a request to say something;
            `{"type": "cancel", "id"}` and `{"id", "cancel": true}` stop one.
        new_id: the id of a request that has none.

    Raises:
        ControlError: it is too long, not JSON, or a field is missing, unknown or out of bounds.
    """
    found = read_message(data)
    if found.pop("cancel", False):
        found["type"] = "cancel"
    found.setdefault("type", "say")
    if new_id is not None and found["type"] == "say":
        found.setdefault("id", new_id)
    try:
        return _CONTROL.validate_python(found)
    except ValidationError as error:
        raise refusal(error, found) from error


def read_message(data: bytes) -> dict[str, Any]:
    """The JSON object of a message from a room.

    Raises:
        ControlError: it is too long, or no JSON object.
    """
    if len(data) > MAX_PACKET_BYTES:
        raise ControlError(f"The message is longer than {MAX_PACKET_BYTES} bytes.")
    try:
        found: Any = json.loads(data)
    except ValueError as error:
        raise ControlError("The message is not JSON.") from error
    if not isinstance(found, dict):
        raise ControlError("The message is not a JSON object.")
    return found


def refusal(error: ValidationError, found: dict[str, Any]) -> ControlError:
    """The first fault of a message, without the value: that may be what somebody said."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"] if part not in ("say", "cancel"))
    reason = f"{place}: {first['msg']}." if place else f"{first['msg']}."
    return ControlError(reason, _readable_id(found))


def _readable_id(found: dict[str, Any]) -> str | None:
    value = found.get("id")
    return value if isinstance(value, str) and len(value) <= 64 else None
