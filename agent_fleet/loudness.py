"""How loud audio is, in windows of 20 ms: measured once, where it arrives."""

import numpy as np
from numpy.typing import NDArray

from agent_fleet.frames import to_samples

WINDOW = to_samples(20)
"""Samples a window; the voice detector takes 10, 20 or 30 ms."""


def window_of(samples: int) -> int:
    """How long the windows of so much audio are: 20 ms, or 10 ms where it is shorter than that."""
    return WINDOW if samples >= WINDOW else WINDOW // 2


def window_rms(pcm: bytes) -> NDArray[np.float32]:
    """RMS of each whole window (`window_of`).

    Args:
        pcm: mono int16 samples at 16 kHz.

    Returns:
        float32, shape (windows,), in units of int16 samples; what is left at the end is ignored.
    """
    samples = np.frombuffer(pcm, np.int16)
    width = window_of(len(samples))
    whole = len(samples) // width
    windows = samples[: whole * width].reshape(whole, width).astype(np.float32)
    rms: NDArray[np.float32] = np.sqrt(np.einsum("ij,ij->i", windows, windows) / width)
    return rms
