"""The stores of an empty database on the real server."""

import pytest

from parley.storage import Stores
from parley.storage.database import Database


@pytest.fixture
def stores(database: Database) -> Stores:
    return Stores.of(database)
