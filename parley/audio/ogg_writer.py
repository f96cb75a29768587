"""Writes an Ogg Opus file of mono speech as it comes: one that is cut off can still be played."""

from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import av
import numpy as np
from numpy.typing import NDArray

from parley.audio.ogg import OPUS_RATES
from parley.errors import AudioError

BIT_RATE = 32_000
MUXER = {"page_duration": "500000", "flush_packets": "1"}
_ENCODER = {"compression_level": "0", "frame_duration": "100"}
"""Of libopus: its least effort of 0..10 (at 3 a stream at 16 kHz costs half as much again, at 10
seven times as much), and packets of 100 ms, five to a page."""


class OggOpusWriter:
    """An open file; a context manager that closes it.

    A page is written every half second: what a killed process leaves lacks about the last one.
    """

    def __init__(self, path: Path | BinaryIO, sample_rate: int, bit_rate: int = BIT_RATE) -> None:
        """Create the file, replacing what is there.

        Args:
            path: the file, or something that takes its bytes one after the other.
            sample_rate: of the samples to come, one of `OPUS_RATES`, in Hz.
            bit_rate: in bit/s.

        Raises:
            AudioError: another rate.
            OSError: the file can't be written.
        """
        if sample_rate not in OPUS_RATES:
            raise AudioError(f"Opus takes {OPUS_RATES} Hz, not {sample_rate}: resample first.")
        target = str(path) if isinstance(path, Path) else path
        self._container = av.open(target, "w", format="ogg", options=MUXER)
        self._stream = self._container.add_stream("libopus", rate=sample_rate, options=_ENCODER)
        self._stream.layout = "mono"
        self._stream.bit_rate = bit_rate
        self._container.start_encoding()  # the file is made now, or the reason why not is raised
        self._rate = sample_rate
        self._closed = False
        self.samples = 0

    def write(self, samples: NDArray[np.int16]) -> None:
        """Append samples.

        Args:
            samples: int16, shape (n,).

        Raises:
            AudioError: the file is closed, or these are not int16 samples of one channel.
            OSError: the disk is full.
        """
        if self._closed:
            raise AudioError("The file is closed.")
        if samples.ndim != 1 or samples.dtype != np.int16:
            raise AudioError("Samples come as int16 of shape (n,).")
        if len(samples) == 0:
            return
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples)[None, :], format="s16", layout="mono"
        )
        frame.sample_rate = self._rate
        frame.pts = self.samples
        self.samples += len(samples)
        for packet in self._stream.encode(frame):
            self._container.mux(packet)

    def close(self) -> None:
        """Write what is left and close the file; decoded, it has the samples that were written."""
        if self._closed:
            return
        self._closed = True
        try:
            if self.samples:
                for packet in self._stream.encode(None):
                    self._container.mux(packet)
        finally:
            self._container.close()

    def __enter__(self) -> Self:
        """Enter a context that closes the file at its end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()
