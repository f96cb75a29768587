"""Ogg Opus files of mono speech: encode to bytes, decode any audio file to samples."""

import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

from parley.errors import AudioError

OPUS_RATES = (8_000, 12_000, 16_000, 24_000, 48_000)
"""Sampling rates that Opus takes, in Hz (RFC 6716, section 2)."""
_LEAP_S = 0.1  # less is rounding
_LONGEST_LEAP_S = 86_400.0  # more is damage


def encode_opus(
    samples: NDArray[np.float32] | NDArray[np.int16], sample_rate: int, bit_rate: int = 32_000
) -> bytes:
    """Encode mono audio as an Ogg Opus file.

    Args:
        samples: shape (n,), int16, or float32 in -1..1.
        sample_rate: one of `OPUS_RATES`, in Hz.
        bit_rate: in bit/s.

    Returns:
        The file's bytes. Decoded at the same rate, it has the same length to the sample
        (a few samples on their own may come back as none).

    Raises:
        AudioError: another rate, or no samples.
    """
    if sample_rate not in OPUS_RATES:
        raise AudioError(f"Opus takes {OPUS_RATES} Hz, not {sample_rate}: resample first.")
    if samples.ndim != 1 or len(samples) == 0:
        raise AudioError("There is no audio to encode.")
    wave = samples if samples.dtype == np.int16 else samples.astype(np.float32, copy=False)
    out = io.BytesIO()
    with av.open(out, "w", format="ogg") as container:
        stream = container.add_stream("libopus", rate=sample_rate)
        stream.layout = "mono"
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(wave)[None, :],  # type: ignore[arg-type]  # int16 or float32
            format="s16" if wave.dtype == np.int16 else "flt",
            layout="mono",
        )
        frame.sample_rate = sample_rate
        frame.pts = 0
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    return out.getvalue()


def decode(source: Path | bytes, sample_rate: int = 16_000) -> NDArray[np.float32]:
    """Decode an audio file (Ogg Opus or whatever FFmpeg reads) as mono.

    Args:
        source: a path, or the file's bytes.
        sample_rate: the wanted rate in Hz.

    Returns:
        float32, shape (n,), in -1..1. Several channels are averaged.

    Raises:
        AudioError: not audio, cut off before its first sample, or damaged.
    """
    parts = list(decode_pieces(source, sample_rate))
    if not parts:
        raise AudioError("The file holds no audio samples.")
    return np.concatenate(parts)


def decode_pieces(source: Path | bytes, sample_rate: int = 16_000) -> Iterator[NDArray[np.float32]]:
    """The same as `decode`, in pieces as they are read, for recordings of hours.

    Where the file's own times leap, as those of LiveKit's egress do over what it did not hear,
    silence is given out, so that a position stays a time.

    Raises:
        AudioError: as `decode`; pieces before the damage have been given out by then.
    """
    opened = io.BytesIO(source) if isinstance(source, bytes) else str(source)
    try:
        with av.open(opened, "r") as container:
            stream = next((s for s in container.streams if isinstance(s, AudioStream)), None)
            if stream is None:
                raise AudioError("The file holds no audio stream.")
            resampler = av.AudioResampler(format="flt", layout="mono", rate=sample_rate)
            expected: float | None = None
            for frame in container.decode(stream):
                if frame.pts is not None and frame.time_base is not None:
                    at_s = float(frame.pts * frame.time_base)
                    if expected is not None:
                        yield from _silence(at_s - expected, sample_rate)
                    expected = at_s + frame.samples / frame.sample_rate
                frame.pts = None
                yield from (piece.to_ndarray()[0] for piece in resampler.resample(frame))
            yield from (piece.to_ndarray()[0] for piece in resampler.resample(None))
    except av.FFmpegError as error:
        raise AudioError(f"The file can't be decoded as audio: {error.strerror}.") from error


def _silence(seconds: float, sample_rate: int) -> Iterator[NDArray[np.float32]]:
    """The samples that a leap of so many seconds stands for, a second at a time."""
    if not _LEAP_S < seconds < _LONGEST_LEAP_S:
        return
    missing = round(seconds * sample_rate)
    while missing > 0:
        piece = min(missing, sample_rate)
        yield np.zeros(piece, np.float32)
        missing -= piece
