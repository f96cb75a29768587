"""Waiting for a condition instead of sleeping for a time."""

import asyncio
import time
from collections.abc import Callable

import psutil
import pytest


async def until(condition: Callable[[], bool], what: str, limit_s: float = 20.0) -> None:
    """Return when the condition holds; fail the test when it does not within the limit."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {limit_s:g} s: {what}")
        await asyncio.sleep(0.01)


def gone(pid: int) -> bool:
    """Whether the process has ended, reaped or not."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
