"""A model's folder as libvosk is to read it on this machine.

The project's model takes steps of 30 ms, for early captions. Without kernels for AVX-512 each step
costs much more than what is in it (`parley/matrix_kernels.py`), and audio comes 120 ms at a time
anyway: in steps of that length a talker costs 2.7 % of a core instead of 9.5, with BLIS 1.4 %
instead of 2.4.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parley.matrix_kernels import Kernels

_STEP = re.compile(r"^--frames-per-chunk=(\d+)$", re.MULTILINE)
_LONG = 12
"""Frames of 10 ms."""


@contextmanager
def suited(folder: Path, kernels: Kernels) -> Iterator[Path]:
    """The folder to load: the model's own, or one of links to it with longer steps.

    Args:
        folder: the model's.
        kernels: what multiplies matrices here.
    """
    settings = folder / "conf" / "model.conf"
    text = settings.read_text() if settings.is_file() else ""
    step = _STEP.search(text)
    if kernels is Kernels.AVX512 or step is None or int(step[1]) >= _LONG:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="parley-model-") as temporary:
        here = Path(temporary)
        _link(folder, here, leave_out="conf")
        (here / "conf").mkdir()
        _link(folder / "conf", here / "conf", leave_out=settings.name)
        longer = _STEP.sub(f"--frames-per-chunk={_LONG}", text)
        (here / "conf" / settings.name).write_text(longer)
        yield here


def _link(source: Path, target: Path, *, leave_out: str) -> None:
    for entry in source.iterdir():
        if entry.name != leave_out:
            (target / entry.name).symlink_to(entry.resolve())
