"""What may be in a `tts_control` message, and what is said of one that may not."""

import json
from typing import Any

import pytest

from parley.domain.speech import (
    MAX_CHARACTERS,
    MAX_PACKET_BYTES,
    CancelMessage,
    ControlError,
    SayMessage,
    parse_control,
)


def parsed(message: Any) -> SayMessage | CancelMessage:
    return parse_control(json.dumps(message).encode())


def test_a_request_to_say_something() -> None:
    message = parsed({"id": "a.1", "text": "  Hello. ", "voice": "af_heart", "speed": 1.5})
    assert message == SayMessage(id="a.1", text="Hello.", voice="af_heart", speed=1.5)
    assert parsed({"type": "say", "id": "b", "text": "x" * MAX_CHARACTERS}).id == "b"


def test_both_ways_to_stop_one_and_the_way_to_stop_all() -> None:
    assert parsed({"type": "cancel", "id": "a"}) == CancelMessage(id="a")
    assert parsed({"id": "a", "cancel": True}) == CancelMessage(id="a")
    assert parsed({"type": "cancel"}) == CancelMessage()


def test_an_id_is_made_where_the_caller_gives_one_to_make() -> None:
    assert parse_control(b'{"text": "Hi"}', new_id="made").id == "made"
    assert parse_control(b'{"id": "own", "text": "Hi"}', new_id="made").id == "own"


@pytest.mark.parametrize(
    ("message", "request_id", "reason"),
    [
        ({"id": "a", "text": "x" * 2001}, "a", "text: String should have at most 2000"),
        ({"id": "a", "text": "   "}, "a", "text: String should have at least 1"),
        ({"id": "a"}, "a", "text: Field required"),
        ({"text": "Hi"}, None, "id: Field required"),
        ({"id": "a b", "text": "Hi"}, "a b", "id: String should match"),
        ({"id": "a", "text": "Hi", "speed": 9}, "a", "speed: Input should be less than"),
        ({"id": "a", "text": "Hi", "loud": 1}, "a", "loud: Extra inputs are not permitted"),
        ({"id": "a", "type": "sing"}, "a", "Input tag 'sing' found"),
        ({"id": 7, "text": "Hi"}, None, "id: Input should be a valid string"),
        (["id"], None, "The message is not a JSON object"),
    ],
)
def test_what_is_refused_and_why(message: Any, request_id: str | None, reason: str) -> None:
    with pytest.raises(ControlError) as refused:
        parsed(message)
    assert str(refused.value).startswith(reason)
    assert refused.value.request_id == request_id


def test_long_packets_and_what_is_no_json() -> None:
    with pytest.raises(ControlError, match="not JSON"):
        parse_control(b"\xff{")
    padding = b" " * MAX_PACKET_BYTES
    with pytest.raises(ControlError, match="longer than 15360 bytes"):
        parse_control(padding + b'{"id": "a", "text": "Hi"}')


def test_no_refusal_repeats_what_was_to_be_said() -> None:
    with pytest.raises(ControlError) as refused:
        parsed({"id": "a", "text": "secret " * 500})
    assert "secret" not in str(refused.value)
