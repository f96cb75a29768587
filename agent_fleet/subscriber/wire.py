"""What the fleet and its subscriber (`infra/embedded/subscriber`) say to each other."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from agent_fleet.subscriber.playout import Packet

EVENT, AUDIO, TICK = range(3)
_HEAD = struct.Struct("<IB")
_BATCH = struct.Struct("<IH")
_PACKET = struct.Struct("<IH")
_STAMP = struct.Struct("<Q")
_TICK = struct.Struct("<H")


@dataclass(frozen=True)
class Event:
    """What happened to a room (joined, left, lost, could not be joined) or a tap (closed)."""

    event: str
    room: int = 0
    tap: int = 0
    error: str = ""


def frames(source: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Each frame's kind and content, until the other end is gone."""
    while len(head := source.read(_HEAD.size)) == _HEAD.size:
        size, kind = _HEAD.unpack(head)
        content = source.read(size) if size else b""
        if len(content) < size:
            return
        yield kind, content


def event(content: bytes) -> Event:
    """The event in a frame."""
    return Event(**json.loads(content))


def stamp(content: bytes) -> float:
    """When audio was handed on or time passed: seconds since the program began."""
    (ms,) = _STAMP.unpack_from(content)
    return float(ms) / 1000


def batches(content: bytes) -> Iterator[tuple[int, list[Packet]]]:
    """The packets in a frame, by tap."""
    at, end = _STAMP.size, len(content)
    while at < end:
        tap, count = _BATCH.unpack_from(content, at)
        at += _BATCH.size
        packets = []
        for _ in range(count):
            timestamp, size = _PACKET.unpack_from(content, at)
            at += _PACKET.size
            packets.append((timestamp, content[at : at + size]))
            at += size
        yield tap, packets


def tick(content: bytes) -> int:
    """How much of a track comes at a time now, in ms."""
    (piece_ms,) = _TICK.unpack_from(content, _STAMP.size)
    return int(piece_ms)


def command(do: str, room: int, **what: object) -> bytes:
    """A line that tells the subscriber to do something."""
    return json.dumps({"do": do, "room": room, **what}).encode() + b"\n"
