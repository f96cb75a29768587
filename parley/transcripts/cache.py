"""Chunks that were read a moment ago and cannot change: page after page needs the same few.

A live chunk that is full is never written again; a final one is not once its header is stored,
which is how a reader knows of it. They are kept without words, for a minute, so that what was
erased does not stay in memory.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

from parley.domain.segment import MAX_SEGMENTS_PER_CHUNK, Chunk, Version
from parley.storage import ChunkStore


class ChunkCache:
    """Reads chunks without words, each from the database at most once a minute."""

    def __init__(
        self,
        *,
        most: int = 160,
        keep_s: float = 60.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep at most so many chunks (about 0.2 MB each), each for so long."""
        self._most, self._keep_s, self._monotonic = most, keep_s, monotonic
        self._kept: OrderedDict[str, tuple[float, Chunk]] = OrderedDict()

    async def get_many(self, store: ChunkStore, ids: Sequence[str]) -> list[Chunk]:
        """The chunks that exist, in the order asked for."""
        oldest = self._monotonic() - self._keep_s
        while self._kept and next(iter(self._kept.values()))[0] < oldest:
            self._kept.popitem(last=False)
        found = {id_: self._kept[id_][1] for id_ in ids if id_ in self._kept}
        missing = [id_ for id_ in ids if id_ not in found]
        for chunk in await store.get_many(missing, words=False):
            found[chunk.id] = chunk
            if chunk.version is Version.FINAL or chunk.count == MAX_SEGMENTS_PER_CHUNK:
                self._kept[chunk.id] = (self._monotonic(), chunk)
                self._kept.move_to_end(chunk.id)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return [found[id_] for id_ in ids if id_ in found]
