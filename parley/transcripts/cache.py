"""Pieces of chunks that were read a moment ago and cannot change: pages need the same few.

Segments are only ever appended to a live chunk, so a full piece of it stays as it is; a final chunk
is not written again once its header is stored, which is how a reader knows of it. They are kept for
a minute, so that what was erased does not stay in memory.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from parley.domain.segment import MAX_SEGMENTS_PER_CHUNK, Version
from parley.storage import ChunkStore
from parley.storage.packing import PIECE, StoredChunk


class ChunkCache:
    """Reads chunks, each piece from the database at most once a minute."""

    def __init__(
        self,
        *,
        most: int = 160,
        keep_s: float = 60.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep the segments of at most so many chunks (about 0.2 MB each), each for so long."""
        self._most = most * MAX_SEGMENTS_PER_CHUNK
        self._keep_s, self._monotonic = keep_s, monotonic
        self._kept: OrderedDict[tuple[str, int | None], tuple[float, StoredChunk]] = OrderedDict()
        self._segments = 0

    async def get_stored(
        self, store: ChunkStore, ids: Sequence[str], *, piece: int | None = None
    ) -> list[StoredChunk]:
        """The chunks that exist, or a piece of each, in the order asked for."""
        oldest = self._monotonic() - self._keep_s
        while self._kept and next(iter(self._kept.values()))[0] < oldest:
            self._drop_oldest()
        found = {id_: kept for id_ in ids if (kept := self._find(id_, piece)) is not None}
        missing = [id_ for id_ in ids if id_ not in found]
        for chunk in await store.get_stored(missing, piece=piece):
            found[chunk.id] = chunk
            if chunk.version is Version.FINAL or _is_full(chunk):
                self._keep(chunk)
        while self._segments > self._most:
            self._drop_oldest()
        return [found[id_] for id_ in ids if id_ in found]

    def _find(self, id_: str, piece: int | None) -> StoredChunk | None:
        if (id_, piece) in self._kept:
            return self._kept[id_, piece][1]
        if piece is not None and (id_, None) in self._kept:
            return self._kept[id_, None][1].part(piece)
        return None

    def _keep(self, chunk: StoredChunk) -> None:
        key = (chunk.id, chunk.piece)
        if key in self._kept:  # somebody else read it meanwhile
            self._segments -= len(self._kept.pop(key)[1].documents)
        self._kept[key] = (self._monotonic(), chunk)
        self._segments += len(chunk.documents)

    def _drop_oldest(self) -> None:
        _, (_, chunk) = self._kept.popitem(last=False)
        self._segments -= len(chunk.documents)


def _is_full(chunk: StoredChunk) -> bool:
    return len(chunk.documents) == (MAX_SEGMENTS_PER_CHUNK if chunk.piece is None else PIECE)
