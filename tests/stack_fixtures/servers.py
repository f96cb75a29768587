"""Real servers for tests: `mongo_server`, `minio_server`, `livekit_server`, `full_stack`."""

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from parley.blobs.store import BlobStore
from parley.settings import Settings
from parley.storage.database import Database
from parley_cli.stack.plan import ALL_PARTS
from parley_cli.stack.stack import Stack

_LIMIT_S = 90.0


@contextmanager
def running_stack(folder: Path, parts: Sequence[str] = ALL_PARTS) -> Iterator[Stack]:
    """A stack in a thread of its own, so that it outlives the event loop of any one test."""
    stack = Stack(folder, parts=parts)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="stack")
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(stack.__aenter__(), loop).result(_LIMIT_S)
        try:
            yield stack
        finally:
            leave = stack.__aexit__(None, None, None)
            asyncio.run_coroutine_threadsafe(leave, loop).result(_LIMIT_S)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def settings_of(*stacks: Stack, **changes: object) -> Settings:
    """The settings with which a process would find these stacks, some of them changed."""
    found: dict[str, object] = {}
    for stack in stacks:
        for name, value in stack.environment.items():
            found[name.removeprefix("PARLEY_").lower()] = value
    return Settings.model_validate(found | changes)


@pytest.fixture(scope="session")
def mongo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The database server alone."""
    with running_stack(tmp_path_factory.mktemp("mongo"), ["mongo"]) as stack:
        yield stack


@pytest.fixture(scope="session")
def minio_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The object store alone, without notifications."""
    with running_stack(tmp_path_factory.mktemp("minio"), ["minio"]) as stack:
        yield stack


@pytest.fixture(scope="session")
def livekit_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """LiveKit alone, without webhooks."""
    with running_stack(tmp_path_factory.mktemp("livekit"), ["livekit"]) as stack:
        yield stack


@pytest.fixture(scope="session")
def full_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Everything that `parley up` starts."""
    with running_stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


@pytest.fixture
def server_settings(
    mongo_server: Stack, minio_server: Stack, livekit_server: Stack, tmp_path: Path
) -> Settings:
    """Settings of all three servers, with an empty database, bucket and state folder."""
    name = _unused_name()
    settings = settings_of(
        mongo_server,
        minio_server,
        livekit_server,
        mongo_database=name,
        s3_bucket=name,
        state_dir=tmp_path / "state",
    )
    _create_bucket(settings)
    return settings


@pytest.fixture
async def database(mongo_server: Stack) -> AsyncIterator[Database]:
    """An empty database."""
    database = Database.from_settings(settings_of(mongo_server, mongo_database=_unused_name()))
    yield database
    database.close()


@pytest.fixture
def blobs(minio_server: Stack) -> BlobStore:
    """An empty bucket."""
    settings = settings_of(minio_server, s3_bucket=_unused_name())
    _create_bucket(settings)
    return BlobStore.from_settings(settings)


def _unused_name() -> str:
    return f"t{uuid.uuid4().hex[:12]}"


def _create_bucket(settings: Settings) -> None:
    loop = asyncio.new_event_loop()  # asyncio.run would unset the test's own
    try:
        loop.run_until_complete(BlobStore.from_settings(settings).create_bucket())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()
