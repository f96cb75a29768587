"""Loads libvosk with what multiplies small matrices well: import `vosk` from here.

Why, and what it is worth: `parley/matrix_kernels.py`.
"""

import ctypes
import importlib
import os
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

from parley.matrix_kernels import BLIS, Kernels, cpuinfo, kernels

_CHOICE = "OPENBLAS_CORETYPE"
_AVX512_KERNELS = "SkylakeX"


@contextmanager
def chosen(environment: MutableMapping[str, str], wanted: Kernels) -> Iterator[Kernels]:
    """While a library is loaded it finds these; whoever chose in the environment has the last word.

    Yields:
        What it finds.
    """
    if _CHOICE in environment:
        asked = environment[_CHOICE].casefold() == _AVX512_KERNELS.casefold()
        yield Kernels.AVX512 if asked else Kernels.OWN
    elif wanted is Kernels.AVX512:
        environment[_CHOICE] = _AVX512_KERNELS
        try:
            yield wanted
        finally:
            del environment[_CHOICE]
    else:
        if wanted is Kernels.BLIS:
            ctypes.CDLL(BLIS, mode=ctypes.RTLD_GLOBAL)  # before libvosk, which then uses this one's
        yield wanted


def _load() -> tuple[Any, Kernels]:
    with chosen(os.environ, kernels(cpuinfo())) as found:
        library = importlib.import_module("vosk")
    library.SetLogLevel(-1)
    return library, found


vosk: Any
KERNELS: Kernels
vosk, KERNELS = _load()
"""The `vosk` package, told to log nothing; and what multiplies its matrices."""
