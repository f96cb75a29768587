"""Stores of a database of their own on the real server, dropped at the end."""

from collections.abc import AsyncIterator

import pytest

from parley.blobs import BlobStore
from parley.settings import Settings
from parley.storage import Stores


@pytest.fixture
async def stores(server_settings: Settings) -> AsyncIterator[Stores]:
    stores = Stores.from_settings(server_settings)
    yield stores
    stores.close()


@pytest.fixture
def blobs(server_settings: Settings) -> BlobStore:
    return BlobStore.from_settings(server_settings)
