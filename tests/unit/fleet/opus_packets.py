"""Opus packets as a participant sends them: 20 ms each, at 48 kHz."""

import av
import numpy as np
from numpy.typing import NDArray

RATE = 48_000
FRAME = 960


def tone(seconds: float, hz: float = 440.0, level: float = 0.3) -> NDArray[np.int16]:
    """Samples at 48 kHz."""
    at = np.arange(int(seconds * RATE)) / RATE
    return (32_767 * level * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def packets(samples: NDArray[np.int16], **options: str) -> list[tuple[int, bytes]]:
    """Each packet with its RTP timestamp, from 0 on."""
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = RATE, "mono", "s16"
    encoder.options = {"frame_duration": "20", "application": "voip", **options}
    whole = samples[: len(samples) // FRAME * FRAME]
    frame = av.AudioFrame.from_ndarray(whole[None, :], format="s16", layout="mono")
    frame.sample_rate = RATE
    made = [bytes(packet) for packet in [*encoder.encode(frame), *encoder.encode(None)]]
    return [(at * FRAME, packet) for at, packet in enumerate(made[: len(whole) // FRAME])]


def loudness(pcm: bytes) -> float:
    """RMS of int16 samples."""
    samples = np.frombuffer(pcm, np.int16).astype(np.float64)
    return float(np.sqrt(np.mean(samples**2))) if len(samples) else 0.0
