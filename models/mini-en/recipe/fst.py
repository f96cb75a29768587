"""A decoding graph in OpenFst's own file format: a vector FST over the tropical semiring."""

import math
import struct
from pathlib import Path

_MAGIC = 2125659606
_PROPERTIES = 0x3  # expanded, mutable


class Graph:
    """States and arcs; the first state made is the start."""

    def __init__(self) -> None:
        """An empty graph."""
        self._arcs: list[list[tuple[int, int, float, int]]] = []
        self._final: list[float] = []

    def state(self, final: float = math.inf) -> int:
        """Add a state, with the cost of ending there."""
        self._arcs.append([])
        self._final.append(final)
        return len(self._arcs) - 1

    def arc(self, source: int, target: int, input_label: int, output_label: int, cost: float) -> None:
        """Add an arc; label 0 is epsilon."""
        self._arcs[source].append((input_label, output_label, cost, target))

    @property
    def size(self) -> tuple[int, int]:
        """States and arcs."""
        return len(self._arcs), sum(map(len, self._arcs))

    def write(self, target: Path) -> None:
        """Write the file; the same graph gives the same bytes."""
        out = bytearray(struct.pack("<i", _MAGIC))
        for name in (b"vector", b"standard"):
            out += struct.pack("<i", len(name)) + name
        out += struct.pack("<iiQqqq", 2, 0, _PROPERTIES, 0, *self.size)
        for final, arcs in zip(self._final, self._arcs, strict=True):
            out += struct.pack("<fq", final, len(arcs))
            for arc in arcs:
                out += struct.pack("<iifi", *arc)
        target.write_bytes(out)
