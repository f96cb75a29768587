"""Writes Opus packets, as they were sent, into an Ogg file as they come: nothing is encoded."""

from fractions import Fraction
from pathlib import Path

import av

from parley.audio.ogg_writer import MUXER
from parley.errors import AudioError

RATE = 48_000
"""What positions and lengths count, in Hz (RFC 7845, section 4)."""
STEP = RATE // 100
"""What silence is a multiple of: 10 ms."""

# What libopus makes of zeros in its SILK mode. A decoder that comes from there to music (CELT)
# begins anew; after silence in CELT's own mode the first 150 ms of it would be too quiet.
_SHORT_SILENCE = b"\x00\x08\xa6\x8f\x48"
_FRAME = b"\x07\xc6\xb3\x0e\xc6"
_SILENCES = (
    (5_760, b"\x0b\x06" + 6 * _FRAME),  # six frames of 20 ms
    (960, b"\x08" + _FRAME),
    (480, _SHORT_SILENCE),
)
# A player leaves out what libopus puts before the first sample. The packets have nothing before
# it, so silence takes that place: 3.5 ms of it are heard.
_SKIPPED = 312


class OggPackets:
    """An open file.

    A page is written every half second: what a killed process leaves lacks about the last one.
    """

    def __init__(self, path: Path) -> None:
        """Create the file, replacing what is there.

        Raises:
            OSError: the file can't be written.
        """
        self._container = av.open(str(path), "w", format="ogg", options=MUXER)
        self._stream = self._container.add_stream("libopus", rate=RATE)
        self._stream.layout = "mono"  # what players make of it; the packets say what they hold
        self._container.start_encoding()  # the file is made now, or the reason why not is raised
        self._at = -_SKIPPED
        self._closed = False
        self.samples = 0
        self._mux(_SHORT_SILENCE, STEP)

    def write(self, packet: bytes, samples: int) -> None:
        """Append a packet.

        Args:
            packet: an Opus packet.
            samples: how long it is, at `RATE`.

        Raises:
            AudioError: the file is closed.
            OSError: the disk is full.
        """
        self._mux(packet, samples)
        self.samples += samples

    def silence(self, samples: int) -> int:
        """Append silence, in whole steps of 10 ms.

        Args:
            samples: how much at most, at `RATE`.

        Returns:
            How much it was.
        """
        whole = samples // STEP * STEP
        left = whole
        for length, packet in _SILENCES:
            while left >= length:
                self._mux(packet, length)
                left -= length
        self.samples += whole
        return whole

    def close(self) -> None:
        """Write what is left and close the file."""
        if not self._closed:
            self._closed = True
            self._container.close()

    def _mux(self, content: bytes, samples: int) -> None:
        if self._closed:
            raise AudioError("The file is closed.")
        packet = av.Packet(content)
        packet.stream = self._stream
        packet.pts = packet.dts = self._at
        packet.duration = samples
        packet.time_base = Fraction(1, RATE)
        self._at += samples
        self._container.mux(packet)
