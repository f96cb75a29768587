"""What multiplies matrices for libvosk on this machine: its small networks want more than its own.

A live network is given two to four steps at a time. The OpenBLAS inside libvosk 0.3.45 has kernels
for so small products among those for AVX-512 only, and chooses those on Intel's processors only.
Elsewhere it copies all weights anew for each product, half of all time. BLIS does not, and libvosk
takes its matrix products from whichever library the process has loaded for all.
"""

import ctypes
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

BLIS = "libblis.so.4"
BLIS_PACKAGE = "libblis4-serial"  # of Debian and Ubuntu; the one without threads of its own
_AVX2 = frozenset({"avx2", "fma"})
_AVX512 = _AVX2 | {"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl"}


class Kernels(StrEnum):
    """What there is."""

    AVX512 = "avx512"
    """OpenBLAS's for AVX-512: 1.0 % of a core a talker with the project's model."""
    BLIS = "blis"
    """BLIS beside libvosk: 1.4 %, on a processor where OpenBLAS's own cost 2.7."""
    OWN = "own"
    """What libvosk brings and chooses."""


def has_blis() -> bool:
    """Whether BLIS can be loaded here."""
    try:
        ctypes.CDLL(BLIS)
    except OSError:
        return False
    return True


def kernels(cpuinfo: str, has_blis: Callable[[], bool] = has_blis) -> Kernels:
    """The best there is.

    Args:
        cpuinfo: what Linux's /proc/cpuinfo says.
        has_blis: asked only where it matters.
    """
    if could_use_blis(cpuinfo):
        return Kernels.BLIS if has_blis() else Kernels.OWN
    return Kernels.AVX512 if _flags(cpuinfo) >= _AVX512 else Kernels.OWN


def could_use_blis(cpuinfo: str) -> bool:
    """Whether BLIS makes a difference: it was tried on processors with AVX2 and without AVX-512."""
    return _flags(cpuinfo) >= _AVX2 and not _flags(cpuinfo) >= _AVX512


def cpuinfo() -> str:
    """This machine's; empty where there is none."""
    try:
        return Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        return ""


def _flags(cpuinfo: str) -> frozenset[str]:
    line = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    return frozenset(line.split())
