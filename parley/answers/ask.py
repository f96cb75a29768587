"""A typed question to the assistant, as a data message or an RPC carries it."""

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from parley.domain.speech import RequestId, read_message, refusal

ASK_TOPIC = "parley_ask"
ASK_METHOD = "ask"
MAX_QUESTION = 500


class TypedQuestion(BaseModel):
    """What is asked, and how the answer is spoken."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    question: str = Field(min_length=2, max_length=MAX_QUESTION, description="Plain words.")
    voice: str | None = Field(None, max_length=64, description="A voice of the engine.")
    language: str | None = Field(None, max_length=35, description="BCP 47 tag of the answer.")


class AskMessage(TypedQuestion):
    """A question that is answered whatever the room's switch is."""

    id: RequestId


def parse_ask(data: bytes, *, new_id: str | None = None) -> AskMessage:
    """Read a question.

    Args:
        data: JSON, as it came.
        new_id: the id of a question that has none.

    Raises:
        ControlError: it is too long, not JSON, or a field is missing, unknown or out of bounds.
    """
    found = read_message(data)
    if new_id is not None:
        found.setdefault("id", new_id)
    try:
        return AskMessage.model_validate(found)
    except ValidationError as error:
        raise refusal(error, found) from error
