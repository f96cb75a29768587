"""Awaits several things at once; the first of their errors is raised as it is, not in a group."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def together(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all to their ends, also where one fails; returns what each returned, in order.

    Callers tell our errors apart by their class, which an `ExceptionGroup` hides.
    """
    ends = await asyncio.gather(*works, return_exceptions=True)
    results: list[T] = []
    for end in ends:
        if isinstance(end, BaseException):
            raise end
        results.append(end)
    return results
