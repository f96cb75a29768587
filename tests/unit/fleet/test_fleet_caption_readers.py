"""Who is left out of captions, and when that is looked at again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from livekit import rtc

from agent_fleet.caption_readers import CaptionReaders


@dataclass
class _Person:
    attributes: dict[str, str] = field(default_factory=dict)


class _Room:
    def __init__(self, **people: _Person) -> None:
        self.remote_participants = people
        self._handlers: dict[str, Callable[..., None]] = {}

    def on(self, event: str, handler: Callable[..., None]) -> None:
        self._handlers[event] = handler

    def emit(self, event: str, *arguments: Any) -> None:
        self._handlers[event](*arguments)


def _readers(room: _Room) -> CaptionReaders:
    return CaptionReaders(cast(rtc.Room, room))


def test_everybody_gets_them_as_long_as_nobody_says_otherwise() -> None:
    assert _readers(_Room(ann=_Person(), bob=_Person({"language": "ko"}))).names() is None


def test_who_shows_none_is_left_out() -> None:
    room = _Room(ann=_Person(), bob=_Person({"parley.captions": "off"}), carol=_Person())
    assert _readers(room).names() == ["ann", "carol"]


def test_changes_count_at_once() -> None:
    room = _Room(ann=_Person())
    readers = _readers(room)
    assert readers.names() is None
    room.remote_participants["ann"].attributes["parley.captions"] = "off"
    room.emit("participant_attributes_changed", {}, None)
    assert readers.names() == []
    room.remote_participants["bob"] = _Person()
    room.emit("participant_connected", None)
    assert readers.names() == ["bob"]
    room.remote_participants["ann"].attributes.clear()
    room.emit("participant_attributes_changed", {}, None)
    assert readers.names() is None
