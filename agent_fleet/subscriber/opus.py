"""Decodes Opus to 16 kHz mono with libopus, which PyAV's wheel brings: PyAV decodes to 48 kHz only.

Calls keep the interpreter's lock: a packet takes 40 µs, and to get the lock back from thirty
recognisers takes longer than that.
"""

import ctypes
import ctypes.util
from functools import cache
from pathlib import Path

import av

from agent_fleet.frames import BYTES_PER_SAMPLE, SAMPLE_RATE
from parley.errors import ParleyError, SetupError

_MOST_SAMPLES = SAMPLE_RATE * 120 // 1000  # of one packet, by RFC 6716


class OpusError(ParleyError):
    """A packet that is not Opus."""

    code = "not-opus"


@cache
def library() -> ctypes.PyDLL:
    """The library: PyAV's, whose version is locked, else the machine's.

    Raises:
        SetupError: there is none.
    """
    folder = Path(av.__file__).parents[1] / "av.libs"
    candidates = [*map(str, folder.glob("libopus*")), ctypes.util.find_library("opus")]
    for name in filter(None, candidates):
        try:
            found = ctypes.PyDLL(name)
        except OSError:
            continue
        found.opus_decoder_create.restype = ctypes.c_void_p
        found.opus_decoder_create.argtypes = [ctypes.c_int32, ctypes.c_int, ctypes.c_void_p]
        found.opus_decoder_destroy.argtypes = [ctypes.c_void_p]
        found.opus_decoder_destroy.restype = None
        found.opus_packet_get_nb_samples.argtypes = [
            ctypes.c_char_p,
            ctypes.c_int32,
            ctypes.c_int32,
        ]
        found.opus_decode.argtypes = [
            ctypes.c_void_p,
            ctypes.c_char_p,
            ctypes.c_int32,
            ctypes.c_void_p,
            ctypes.c_int,
            ctypes.c_int,
        ]
        return found
    raise SetupError("libopus is missing (Debian: apt install libopus0)")


def packet_samples(packet: bytes) -> int:
    """How long a packet's sound is, in samples at 16 kHz; 0 where it is not Opus."""
    samples = library().opus_packet_get_nb_samples(packet, len(packet), SAMPLE_RATE)
    return max(0, int(samples))


class OpusDecoder:
    """One track's decoder; from one thread at a time."""

    def __init__(self) -> None:
        """Make one; stereo becomes mono."""
        self._library = library()
        self._decoder = self._library.opus_decoder_create(SAMPLE_RATE, 1, None)
        if not self._decoder:
            raise SetupError("libopus made no decoder")
        self._sound = ctypes.create_string_buffer(_MOST_SAMPLES * BYTES_PER_SAMPLE)
        self._address = ctypes.addressof(self._sound)

    def __del__(self) -> None:
        """Give its memory back."""
        if decoder := getattr(self, "_decoder", None):
            self._library.opus_decoder_destroy(decoder)

    def decode(self, packet: bytes) -> bytes:
        """The sound of a packet: mono int16 at 16 kHz.

        Raises:
            OpusError: it is not Opus.
        """
        return self._decode(packet, _MOST_SAMPLES, 0)

    def conceal(self, samples: int, following: bytes) -> bytes:
        """Sound for up to 120 ms that were lost, made from what came before and from what follows.

        Args:
            samples: how many at 16 kHz, whole steps of 2.5 ms.
            following: the packet after the loss, which may hold the last lost frame again.
        """
        try:
            return self._decode(following, samples, 1)
        except OpusError:
            return bytes(samples * BYTES_PER_SAMPLE)

    def _decode(self, packet: bytes, most: int, recover: int) -> bytes:
        samples = self._library.opus_decode(
            self._decoder, packet, len(packet), self._address, most, recover
        )
        if samples < 0:
            raise OpusError(f"libopus refused a packet of {len(packet)} bytes ({samples})")
        return ctypes.string_at(self._address, samples * BYTES_PER_SAMPLE)
