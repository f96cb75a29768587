"""How loud audio is, in windows of 20 ms: measured once, where it arrives."""

import numpy as np
from numpy.typing import NDArray

from agent_fleet.frames import to_samples

WINDOW = to_samples(20)
"""Samples a window; the voice detector takes 10, 20 or 30 ms."""


def window_rms(pcm: bytes) -> NDArray[np.float32]:
    """RMS of each whole window.

    Args:
        pcm: mono int16 samples at 16 kHz.

    Returns:
        float32, shape (windows,), in units of int16 samples; what is left at the end is ignored.
    """
    samples = np.frombuffer(pcm, np.int16)
    whole = len(samples) // WINDOW
    windows = samples[: whole * WINDOW].reshape(whole, WINDOW).astype(np.float32)
    rms: NDArray[np.float32] = np.sqrt(np.einsum("ij,ij->i", windows, windows) / WINDOW)
    return rms
