"""What a recording's file is written by: an encoder, or nothing but a muxer where Opus came."""

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from agent_fleet.frames import SAMPLE_RATE, Frame
from parley.audio.ogg_packets import RATE, OggPackets
from parley.audio.ogg_writer import OggOpusWriter

_SILENCE = np.zeros(SAMPLE_RATE, np.int16)
_WRITE_SAMPLES = SAMPLE_RATE // 2  # encode half a second at a time: fewer calls, little to lose
_RATIO = RATE // SAMPLE_RATE


class RecordingSink(Protocol):
    """An open file; positions count samples at 16 kHz."""

    @property
    def taken(self) -> int:
        """What was given so far."""
        ...

    @property
    def written(self) -> int:
        """How much of it is in the file."""
        ...

    def silence(self, samples: int) -> None:
        """Append silence; where Opus can't be so short, the rest with the next one."""
        ...

    def append(self, frame: Frame) -> None:
        """Append a frame."""
        ...

    def close(self) -> None:
        """Write what waits and close the file."""
        ...


def open_sink(path: Path, first: Frame) -> RecordingSink:
    """The file of a track that begins with this frame.

    Raises:
        OSError: the file can't be written.
    """
    return EncodedSink(path) if first.opus is None else PacketSink(path)


class EncodedSink:
    """Encodes samples."""

    def __init__(self, path: Path) -> None:
        """Create the file."""
        self._writer = OggOpusWriter(path, SAMPLE_RATE)
        self._waiting: list[NDArray[np.int16]] = []
        self.taken = 0
        self.written = 0

    def silence(self, samples: int) -> None:
        """Append silence."""
        while samples > 0:
            piece = _SILENCE[: min(samples, len(_SILENCE))]
            self._append(piece)
            samples -= len(piece)

    def append(self, frame: Frame) -> None:
        """Append a frame's samples."""
        self._append(np.frombuffer(frame.pcm, np.int16))

    def close(self) -> None:
        """Encode what waits and close the file."""
        self._flush()
        self._writer.close()

    def _append(self, samples: NDArray[np.int16]) -> None:
        self._waiting.append(samples)
        self.taken += len(samples)
        if self.taken - self.written >= _WRITE_SAMPLES:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            samples = np.concatenate(self._waiting)
            self._waiting = []  # should the disk be full, they are lost
            self._writer.write(samples)
            self.written += len(samples)


class PacketSink:
    """Writes packets as they were sent, and silence for what was not sent or was lost."""

    def __init__(self, path: Path) -> None:
        """Create the file."""
        self._writer = OggPackets(path)

    @property
    def taken(self) -> int:
        """What was given so far."""
        return self.written

    @property
    def written(self) -> int:
        """How much of it is in the file: all."""
        return self._writer.samples // _RATIO

    def silence(self, samples: int) -> None:
        """Append silence, in whole steps of 10 ms."""
        self._writer.silence(samples * _RATIO)

    def append(self, frame: Frame) -> None:
        """Append a frame's packets."""
        for packet, samples in frame.opus or ((b"", frame.samples),):
            if packet:
                self._writer.write(packet, samples * _RATIO)
            else:
                self._writer.silence(samples * _RATIO)

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
