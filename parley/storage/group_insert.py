"""Inserts that come while another is under way go together: one round trip, one commit.

A burst of webhooks notes an id each. Alone, each is a call and a commit of its own; together they
cost hardly more than one. Nobody waits for company: the first goes at once.
"""

import asyncio
from collections.abc import Sequence

from parley.errors import ParleyError
from parley.storage.database import Collection, Document

_Waiting = tuple[Document, asyncio.Future[bool]]


class GroupInsert:
    """Inserts into one collection, each told of its own outcome; on one event loop."""

    def __init__(self, collection: Collection, *, most: int = 100) -> None:
        """Insert into this collection, at most so many at once."""
        self._collection, self._most = collection, most
        self._waiting: list[_Waiting] = []
        self._task: asyncio.Task[None] | None = None

    async def insert(self, document: Document) -> bool:
        """Insert; False when the id is taken.

        Raises:
            StorageError: the database refused, or cannot be reached (retryable).
        """
        done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((document, done))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="group-insert")
        return await done

    async def _run(self) -> None:
        group: Sequence[_Waiting] = ()
        try:
            while self._waiting:
                group = self._waiting[: self._most]
                del self._waiting[: self._most]
                await self._insert(group)
        finally:
            self._task = None
            # Only where we are stopped is there anybody left: let them not wait for ever.
            for _, done in (*group, *self._waiting):
                done.cancel()
            self._waiting.clear()

    async def _insert(self, group: Sequence[_Waiting]) -> None:
        try:
            stored = await self._collection.insert_many([document for document, _ in group])
        except ParleyError as error:
            for _, done in group:
                if not done.done():  # whoever waited may be gone
                    done.set_exception(error)
            return
        for (_, done), new in zip(group, stored, strict=True):
            if not done.done():
                done.set_result(new)
