"""Loads libvosk with the matrix kernels that suit a small network: import `vosk` from here.

A live network is given two or three steps at a time. The OpenBLAS inside libvosk 0.3.45 has kernels
for so small products among those for AVX-512 only, and chooses those on Intel's processors only: on
AMD's it copies all weights anew for each product, half of all time. Measured on one of them: 1.3 %
of a core a talker instead of 2.8 %, with the same words.
"""

import importlib
import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_CHOICE = "OPENBLAS_CORETYPE"
_KERNELS = "SkylakeX"
_NEEDED = frozenset({"avx512f", "avx512cd", "avx512bw", "avx512dq", "avx512vl", "fma", "avx2"})


def kernels(cpuinfo: str) -> str | None:
    """The OpenBLAS kernels to ask for; None leaves the choice to OpenBLAS.

    Args:
        cpuinfo: what Linux's /proc/cpuinfo says.
    """
    flags = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    return _KERNELS if set(flags.split()) >= _NEEDED else None


@contextmanager
def chosen(environment: MutableMapping[str, str], wanted: str | None) -> Iterator[None]:
    """Ask for kernels while a library is loaded, unless the environment does so already."""
    if wanted is None or _CHOICE in environment:
        yield
        return
    environment[_CHOICE] = wanted
    try:
        yield
    finally:
        del environment[_CHOICE]


def _load() -> tuple[Any, bool]:
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text()
    except OSError:  # not Linux
        cpuinfo = ""
    wanted = kernels(cpuinfo)
    with chosen(os.environ, wanted):
        library = importlib.import_module("vosk")
    library.SetLogLevel(-1)
    return library, wanted is not None and os.environ.get(_CHOICE, wanted) == wanted


vosk: Any
SMALL_PRODUCTS: bool
vosk, SMALL_PRODUCTS = _load()
"""The `vosk` package, told to log nothing; and whether it has kernels for small products here."""
