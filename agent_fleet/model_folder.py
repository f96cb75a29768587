"""A model's folder as libvosk is to read it on this machine.

The project's model takes steps of 30 ms, for early captions. Without kernels for small products
(`vosk_library.py`) each step copies all weights: on a processor without AVX-512 a talker cost 9.5 %
of a core, and 2.7 % with steps of 120 ms, which is what arrives at once.
"""

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STEP = re.compile(r"^--frames-per-chunk=(\d+)$", re.MULTILINE)
_LONG = 12
"""Frames of 10 ms."""


@contextmanager
def suited(folder: Path, *, small_products: bool) -> Iterator[Path]:
    """The folder to load: the model's own, or one of links to it with longer steps.

    Args:
        folder: the model's.
        small_products: whether small matrix products are quick here.
    """
    settings = folder / "conf" / "model.conf"
    text = settings.read_text() if settings.is_file() else ""
    step = _STEP.search(text)
    if small_products or step is None or int(step[1]) >= _LONG:
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
