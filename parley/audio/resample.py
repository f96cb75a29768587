"""Change the sampling rate of mono audio with FFmpeg's resampler."""

import av
import numpy as np
from numpy.typing import NDArray


def resample(samples: NDArray[np.float32], rate: int, to_rate: int) -> NDArray[np.float32]:
    """Resample mono audio.

    Args:
        samples: float32, shape (n,), in -1..1.
        rate: its rate in Hz.
        to_rate: the wanted rate in Hz.

    Returns:
        float32, shape (about n * to_rate / rate,).
    """
    if rate == to_rate or len(samples) == 0:
        return samples.astype(np.float32, copy=False)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=to_rate)
    frame = av.AudioFrame.from_ndarray(
        np.ascontiguousarray(samples, dtype=np.float32)[None, :], format="flt", layout="mono"
    )
    frame.sample_rate = rate
    out = [*resampler.resample(frame), *resampler.resample(None)]
    return np.concatenate([piece.to_ndarray()[0] for piece in out]).astype(np.float32, copy=False)


def to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Float samples in -1..1 as int16, clipped."""
    return np.clip(np.round(samples * 32767.0), -32768, 32767).astype(np.int16)


def to_float32(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Int16 samples as float32 in -1..1."""
    return samples.astype(np.float32) / 32768.0
