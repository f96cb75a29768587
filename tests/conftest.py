"""What holds for every test: a clean environment, categories by folder, servers on demand."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from parley.settings import load_settings

pytest_plugins = ["tests.stack_fixtures.servers"]

_CATEGORIES = ("unit", "integration", "e2e", "deploy")


def pytest_configure() -> None:
    """Forget the caller's own settings, so that tests never touch the caller's stack."""
    for name in [name for name in os.environ if name.startswith("PARLEY_")]:
        if name != "PARLEY_CACHE_DIR":
            del os.environ[name]
    os.environ.pop("GEMINI_API_KEY", None)
    # Who is told to end takes the servers it started along.
    signal.signal(signal.SIGTERM, lambda *_: pytest.exit("terminated", 143))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test by the folder it lies in; run the fast ones first."""
    here = Path(__file__).parent
    order: dict[pytest.Item, int] = {}
    for item in items:
        category = item.path.relative_to(here).parts[0]
        if category in _CATEGORIES:
            item.add_marker(category)
        order[item] = _CATEGORIES.index(category) if category in _CATEGORIES else -1
    items.sort(key=order.__getitem__)


@pytest.fixture(autouse=True)
def _settings_read_anew() -> Iterator[None]:
    """Settings are read once a process; here once a test."""
    load_settings.cache_clear()
    yield
    load_settings.cache_clear()
