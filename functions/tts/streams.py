"""Speech as it is made, for a caller who listens rather than stores: WAV or Ogg Opus."""

import io
import struct
from collections.abc import AsyncIterator, Callable

import numpy as np
from numpy.typing import NDArray

from parley.audio.ogg_writer import OggOpusWriter
from parley.audio.resample import to_int16
from parley.voice import SAMPLE_RATE

Sounds = AsyncIterator[NDArray[np.float32]]
_UNKNOWN = 0xFFFF_FFFF  # a length that is not known yet, as FFmpeg writes it to a pipe
_BYTES = 2


async def wav(sounds: Sounds) -> AsyncIterator[bytes]:
    """A WAV file: int16 mono at `SAMPLE_RATE`, its lengths left open."""
    rate = SAMPLE_RATE
    form = struct.pack("<HHIIHH", 1, 1, rate, rate * _BYTES, _BYTES, 8 * _BYTES)
    yield b"RIFF" + struct.pack("<I", _UNKNOWN) + b"WAVE"
    yield b"fmt " + struct.pack("<I", len(form)) + form + b"data" + struct.pack("<I", _UNKNOWN)
    async for sound in sounds:
        yield to_int16(sound).tobytes()


async def ogg(sounds: Sounds) -> AsyncIterator[bytes]:
    """An Ogg Opus file, in pages of half a second."""
    written = io.BytesIO()
    with OggOpusWriter(written, SAMPLE_RATE) as writer:
        async for sound in sounds:
            writer.write(to_int16(sound))
            yield _drained(written)
    yield _drained(written)


STREAMS: dict[str, Callable[[Sounds], AsyncIterator[bytes]]] = {"audio/wav": wav, "audio/ogg": ogg}
"""By media type."""


def wanted(accept: str) -> str | None:
    """The media type of a stream that an `Accept` header asks for, if it does."""
    asked = [part.partition(";")[0].strip().lower() for part in accept.split(",")]
    return next((media_type for media_type in asked if media_type in STREAMS), None)


def _drained(written: io.BytesIO) -> bytes:
    found = written.getvalue()
    written.seek(0)
    written.truncate()
    return found
