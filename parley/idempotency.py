"""Powertools' idempotency with its records in MongoDB: a repeated call returns the first's result.

    layer = MongoPersistence(Database.from_settings(settings))

    @idempotent(persistence_store=layer, config=IdempotencyConfig(event_key_jmespath="id"))
    def handler(event, context): ...

A record is claimed by inserting it. One that is left over, because its invocation was killed or its
time is up, is taken over by one conditional write, so that of many callers one wins. Records carry
the date after which MongoDB deletes them; a server that deletes none does no harm, since expiry is
also part of the condition.
"""

import asyncio
import datetime
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aws_lambda_powertools.utilities.idempotency import BasePersistenceLayer
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyItemAlreadyExistsError,
    IdempotencyItemNotFoundError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.datarecord import (
    STATUS_CONSTANTS,
    DataRecord,
)

from parley.clock import Clock, wall_clock_ms
from parley.errors import DuplicateError
from parley.storage.database import Database, Document

T = TypeVar("T")
_IN_PROGRESS = STATUS_CONSTANTS["INPROGRESS"]


class MongoPersistence(BasePersistenceLayer):
    """The `idempotency` collection of a database.

    Powertools calls it from ordinary code, the driver works on an event loop: this class keeps a
    loop of its own in a thread, on which the database is made and used.
    """

    def __init__(
        self,
        connect: Callable[[], Database],
        *,
        collection: str = "idempotency",
        clock: Clock = wall_clock_ms,
    ) -> None:
        """Prepare; the database is connected by the first call.

        Args:
            connect: makes the database.
            collection: where the records are.
            clock: the time.
        """
        super().__init__()  # type: ignore[no-untyped-call]
        self._connect = connect
        self._name = collection
        self._clock = clock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._database: Database | None = None
        self._starting = threading.Lock()

    def close(self) -> None:
        """Close the connections and end the thread."""
        with self._starting:
            if self._loop is None:
                return
            if self._database is not None:
                self._loop.call_soon_threadsafe(self._database.close)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._loop = self._database = None

    def _get_record(self, idempotency_key: str) -> DataRecord:
        found = self._run(lambda database: database.collection(self._name).get(idempotency_key))
        if found is None:
            raise IdempotencyItemNotFoundError
        return _record(found)

    def _put_record(self, data_record: DataRecord) -> None:
        self._run(lambda database: self._claim(database, data_record))

    def _update_record(self, data_record: DataRecord) -> None:
        document = _document(data_record)
        self._run(lambda database: database.collection(self._name).put(document))

    def _delete_record(self, data_record: DataRecord) -> None:
        key = data_record.idempotency_key
        self._run(lambda database: database.collection(self._name).delete([key]))

    async def _claim(self, database: Database, record: DataRecord) -> None:
        records, document = database.collection(self._name), _document(record)
        try:
            await records.insert(document)
        except DuplicateError:
            now_ms = self._clock()
            # An invocation with no deadline of its own holds its claim until the record expires.
            left_over = [
                {"expires_s": {"$lte": now_ms // 1000}},
                {"status": _IN_PROGRESS, "in_progress_until_ms": {"$lt": now_ms, "$gt": 0}},
            ]
            query = {"_id": record.idempotency_key, "$or": left_over}
            change = {"$set": {name: value for name, value in document.items() if name != "_id"}}
            if not await records.update(query, change):
                held = await records.get(record.idempotency_key)
                raise IdempotencyItemAlreadyExistsError(
                    old_data_record=_record(held) if held else None
                ) from None

    def _run(self, call: Callable[[Database], Awaitable[T]]) -> T:
        loop = self._started()

        async def go() -> T:
            if self._database is None:
                database = self._connect()
                await database.collection(self._name).expire_at("expires_at")
                self._database = database
            return await call(self._database)

        return asyncio.run_coroutine_threadsafe(go(), loop).result()

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(target=_turn, args=(self._loop,), daemon=True).start()
            return self._loop


def _turn(loop: asyncio.AbstractEventLoop) -> None:
    loop.run_forever()
    loop.close()


def _document(record: DataRecord) -> Document:
    expires_s = record.expiry_timestamp or 0
    return {
        "_id": record.idempotency_key,
        "status": record.status,
        "expires_s": expires_s,
        "expires_at": datetime.datetime.fromtimestamp(expires_s, datetime.UTC),
        "in_progress_until_ms": record.in_progress_expiry_timestamp or 0,
        "response": record.response_data,
        "payload_hash": record.payload_hash,
    }


def _record(document: Document) -> DataRecord:
    return DataRecord(
        idempotency_key=document["_id"],
        status=document["status"],
        expiry_timestamp=document["expires_s"],
        in_progress_expiry_timestamp=document["in_progress_until_ms"] or None,
        response_data=document["response"] or "",
        payload_hash=document["payload_hash"] or "",
    )
