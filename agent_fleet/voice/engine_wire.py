"""How the fleet and its speech engine's process talk: JSON heads, each with sound behind it.

A message is two big-endian 32-bit lengths, a JSON object, and raw int16 mono samples at 24 kHz.
"""

import asyncio
import json
import struct
from typing import Any

_LENGTHS = struct.Struct(">II")

Head = dict[str, Any]


def pack(head: Head, sound: bytes = b"") -> bytes:
    """A message as bytes."""
    text = json.dumps(head).encode()
    return _LENGTHS.pack(len(text), len(sound)) + text + sound


async def read(reader: asyncio.StreamReader) -> tuple[Head, bytes] | None:
    """The next message, or None when the other side has gone."""
    try:
        text_length, sound_length = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
        head: Head = json.loads(await reader.readexactly(text_length))
        return head, await reader.readexactly(sound_length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
