"""Inserts that go together: who comes meanwhile, whose id is taken, what fails."""

import asyncio
from collections.abc import Sequence

import pytest

from parley.errors import StorageUnavailableError
from parley.storage.database import Collection, Document
from parley.storage.group_insert import GroupInsert


class Slow(Collection):
    """A collection in memory that answers when it is told to."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.stored: set[str] = set()
        self.away = False
        self.may_answer = asyncio.Event()

    async def insert_many(self, documents: Sequence[Document]) -> list[bool]:
        ids = [document["_id"] for document in documents]
        self.calls.append(ids)
        await self.may_answer.wait()
        if self.away:
            raise StorageUnavailableError("injected")
        new = [id_ not in self.stored and id_ not in ids[:n] for n, id_ in enumerate(ids)]
        self.stored.update(ids)
        return new


async def begun(*inserts: asyncio.Task[bool]) -> None:
    """Let tasks run until they wait."""
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any(insert.done() for insert in inserts)


async def test_the_first_goes_at_once_and_the_others_together() -> None:
    slow = Slow()
    group = GroupInsert(slow, most=3)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(group.insert({"_id": "a"}))
        await begun(first)
        others = [tasks.create_task(group.insert({"_id": id_})) for id_ in "bcadbe"]
        await begun(*others)
        assert slow.calls == [["a"]]
        slow.may_answer.set()
    assert slow.calls == [["a"], ["b", "c", "a"], ["d", "b", "e"]]
    assert first.result()
    assert [other.result() for other in others] == [True, True, False, True, False, True]


async def test_what_fails_fails_for_all_of_its_group_and_no_other() -> None:
    slow = Slow()
    slow.away = True
    slow.may_answer.set()
    group = GroupInsert(slow)
    failed = await asyncio.gather(
        *(group.insert({"_id": id_}) for id_ in "ab"), return_exceptions=True
    )
    assert [type(error) for error in failed] == [StorageUnavailableError] * 2
    slow.away = False
    assert await group.insert({"_id": "a"})


async def test_somebody_who_went_away_does_not_disturb_the_others() -> None:
    slow = Slow()
    group = GroupInsert(slow)
    gone, stays = (asyncio.create_task(group.insert({"_id": id_})) for id_ in "ab")
    await begun(gone, stays)
    gone.cancel()
    slow.may_answer.set()
    assert await stays
    with pytest.raises(asyncio.CancelledError):
        await gone


async def test_nobody_waits_for_ever_when_all_is_stopped() -> None:
    slow = Slow()
    group = GroupInsert(slow)
    first = asyncio.create_task(group.insert({"_id": "a"}))
    await begun(first)
    second = asyncio.create_task(group.insert({"_id": "b"}))
    await begun(first, second)
    for task in asyncio.all_tasks():
        if task.get_name() == "group-insert":
            task.cancel()
    ends = await asyncio.gather(first, second, return_exceptions=True)
    assert [type(end) for end in ends] == [asyncio.CancelledError] * 2
