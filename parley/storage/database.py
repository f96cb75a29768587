"""The one module that knows the MongoDB driver: connections, calls, and its errors as ours.

Motor is past its end of life; `pymongo.AsyncMongoClient` replaces it here and nowhere else.
Only operators that the embedded server answers rightly are used by the stores: see
`docs/architecture.md`, "What is stored".
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from motor.motor_asyncio import AsyncIOMotorClient, AsyncIOMotorCollection
from pymongo import ReturnDocument
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ConfigurationError,
    ConnectionFailure,
    DuplicateKeyError,
    ExecutionTimeout,
    NetworkTimeout,
    OperationFailure,
    PyMongoError,
)

from parley.errors import DuplicateError, SetupError, StorageError, StorageUnavailableError
from parley.settings import Settings

Document = dict[str, Any]
_DUPLICATE = 11_000
_UNAVAILABLE = (ConnectionFailure, AutoReconnect, NetworkTimeout, ExecutionTimeout)


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except DuplicateKeyError as error:
        raise DuplicateError("a document with this id is already stored") from error
    except _UNAVAILABLE as error:
        raise StorageUnavailableError("the database cannot be reached") from error
    except OperationFailure as error:
        raise StorageError(f"the database refused the call: code {error.code}") from error
    except PyMongoError as error:
        raise StorageError(f"the database call failed: {type(error).__name__}") from error


class Collection:
    """One collection; every call raises our errors only."""

    def __init__(self, inner: "AsyncIOMotorCollection[Document]") -> None:
        """Wrap the driver's collection."""
        self._inner = inner

    async def insert(self, document: Document) -> None:
        """Insert; raises `DuplicateError` when the id is taken."""
        with _our_errors():
            await self._inner.insert_one(document)

    async def insert_many(self, documents: Sequence[Document]) -> list[bool]:
        """Insert in one round trip; says of each whether it is new, else its id was taken."""
        stored = [True] * len(documents)
        with _our_errors():
            try:
                await self._inner.insert_many(documents, ordered=False)
            except BulkWriteError as error:
                refused = error.details["writeErrors"]
                if error.details["writeConcernErrors"] or any(
                    refusal["code"] != _DUPLICATE for refusal in refused
                ):
                    raise
                for refusal in refused:
                    stored[refusal["index"]] = False
        return stored

    async def get(self, id_: str, fields: Mapping[str, int] | None = None) -> Document | None:
        """The document with this id, or None."""
        with _our_errors():
            found: Document | None = await self._inner.find_one({"_id": id_}, fields)
            return found

    async def get_many(
        self, ids: Sequence[str], fields: Mapping[str, Any] | None = None
    ) -> list[Document]:
        """The documents with these ids that exist, in the order of the ids."""
        if not ids:
            return []
        with _our_errors():
            cursor = self._inner.find({"_id": {"$in": list(ids)}}, fields)
            found = {document["_id"]: document async for document in cursor}
        return [found[id_] for id_ in ids if id_ in found]

    async def scan(
        self,
        query: Document,
        fields: Mapping[str, int] | None = None,
        *,
        sort: Sequence[tuple[str, int]] = (),
        limit: int = 0,
    ) -> AsyncIterator[Document]:
        """Documents that match; a full scan on the embedded server."""
        with _our_errors():
            cursor = self._inner.find(query, fields)
            if sort:
                cursor = cursor.sort(list(sort))
            if limit:
                cursor = cursor.limit(limit)
            async for document in cursor:
                yield document

    async def count(self, query: Document) -> int:
        """How many documents match."""
        with _our_errors():
            return int(await self._inner.count_documents(query))

    async def update(self, query: Document, change: Document, *, upsert: bool = False) -> bool:
        """Change the one document that matches.

        Returns:
            Whether a document matched (or was made).
        """
        with _our_errors():
            result = await self._inner.update_one(query, change, upsert=upsert)
            return result.matched_count > 0 or result.upserted_id is not None

    async def claim(self, query: Document, change: Document) -> Document | None:
        """Change the one document that matches and return it as it is afterwards, else None."""
        with _our_errors():
            found: Document | None = await self._inner.find_one_and_update(
                query, change, return_document=ReturnDocument.AFTER
            )
            return found

    async def put(self, document: Document) -> None:
        """Insert, or replace the document with the same id."""
        with _our_errors():
            await self._inner.replace_one({"_id": document["_id"]}, document, upsert=True)

    async def delete(self, ids: Iterable[str]) -> int:
        """Delete the documents with these ids; returns how many were there."""
        wanted = list(ids)
        if not wanted:
            return 0
        with _our_errors():
            result = await self._inner.delete_many({"_id": {"$in": wanted}})
            return int(result.deleted_count)

    async def expire_at(self, field: str) -> None:
        """Let the server delete documents once the date in this field is past, if it can."""
        with _our_errors():
            await self._inner.create_index(field, expireAfterSeconds=0)


class Database:
    """One connection pool to one database."""

    def __init__(self, uri: str, name: str, *, timeout_ms: int = 5_000) -> None:
        """Prepare the pool; nothing connects until the first call.

        Args:
            uri: MongoDB connection string.
            name: database name.
            timeout_ms: how long a call may wait for a server or an answer, in ms.

        Raises:
            SetupError: the connection string is not one.
        """
        try:
            self._client: AsyncIOMotorClient[Document] = AsyncIOMotorClient(
                uri,
                serverSelectionTimeoutMS=timeout_ms,
                connectTimeoutMS=timeout_ms,
                socketTimeoutMS=timeout_ms * 4,
                appname="parley",
                retryWrites=False,
                retryReads=True,
                tz_aware=False,
            )
        except (ConfigurationError, ValueError) as error:
            raise SetupError(
                "PARLEY_MONGO_URI is not a MongoDB connection string: "
                "it should look like mongodb://host:27017"
            ) from error
        self._database = self._client[name]

    @classmethod
    def from_settings(cls, settings: Settings) -> "Database":
        """The database that the settings name."""
        return cls(
            settings.mongo_uri.get_secret_value(),
            settings.mongo_database,
            timeout_ms=settings.mongo_timeout_ms,
        )

    def collection(self, name: str) -> Collection:
        """A collection by name."""
        return Collection(self._database[name])

    async def ping(self) -> None:
        """Raise `StorageUnavailableError` unless the server answers."""
        with _our_errors():
            await self._client.admin.command("ping")

    def close(self) -> None:
        """Close all connections."""
        self._client.close()
