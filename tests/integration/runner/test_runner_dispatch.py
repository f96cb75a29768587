"""Jobs run in worker processes until they are done or given up."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from parley_cli.runner.dispatch import Dispatcher, backoff_ms
from parley_cli.runner.functions import Every, LocalFunction, ObjectsUnder
from parley_cli.runner.jobs import JobQueue
from tests.integration.runner.conftest import Notes, object_event, until

HANDLERS = "tests.integration.runner.handlers"


def function(name: str, **changes: float) -> LocalFunction:
    trigger = ObjectsUnder(f"{name}/", ".ogg")
    fields: dict[str, Any] = {"timeout_s": 30.0, **changes}
    return LocalFunction(name, f"{HANDLERS}.{name}", trigger, **fields)


@asynccontextmanager
async def dispatcher(folder: Path, *functions: LocalFunction) -> AsyncIterator[Dispatcher]:
    queue = JobQueue(folder / "queue")
    made = Dispatcher(queue, functions, attempts=3, wait_after=lambda attempt: 10 * attempt)
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        queue.close()
    assert all(worker.pid is None for ws in made.workers.values() for worker in ws)


async def test_a_job_gets_the_event_and_context_of_lambda(tmp_path: Path, notes: Notes) -> None:
    async with dispatcher(tmp_path, function("succeed", niceness=3)) as runner:
        (job,) = await runner.accept(object_event("succeed/RM_1/TR_1.ogg"))
        assert await runner.accept(object_event("other/RM_1/TR_1.ogg")) == []
        await until(lambda: runner.queue.done == 1)
    (run,) = notes.of("succeed")
    assert run["message"] == job.id
    assert run["receives"] == "1"
    assert run["key"] == "succeed%2FRM_1%2FTR_1.ogg"
    assert run["arn"] == "arn:parley:runner:local::succeed"
    assert 25_000 < run["left"] <= 30_000
    assert run["pid"] != os.getpid()
    assert run["nice"] == os.nice(0) + 3


async def test_one_worker_process_is_kept_for_all_runs(tmp_path: Path, notes: Notes) -> None:
    async with dispatcher(tmp_path, function("succeed")) as runner:
        for n in range(5):
            await runner.accept(object_event(f"succeed/{n}.ogg"))
        await until(lambda: runner.queue.done == 5)
    assert len({run["pid"] for run in notes.of("succeed")}) == 1


async def test_named_messages_are_delivered_again(tmp_path: Path, notes: Notes) -> None:
    async with dispatcher(tmp_path, function("fail_twice")) as runner:
        (job,) = await runner.accept(object_event("fail_twice/a.ogg"))
        await until(lambda: runner.queue.done == 1)
        assert runner.queue.dead_letters() == []
    assert [run["receives"] for run in notes.of("fail_twice")] == ["1", "2", "3"]
    assert {run["message"] for run in notes.of("fail_twice")} == {job.id}


async def test_what_never_works_becomes_a_dead_letter(tmp_path: Path, notes: Notes) -> None:
    async with dispatcher(tmp_path, function("fail")) as runner:
        (job,) = await runner.accept(object_event("fail/a.ogg"))
        await until(lambda: len(runner.queue.dead_letters()) == 1)
        (dead,) = runner.queue.dead_letters()
        assert dead.id == job.id
        assert dead.attempts == 3
        assert dead.error == "ValueError: this one never works"
        assert runner.queue.open_jobs() == []

        await runner.retry(job.id)
        await until(lambda: len(runner.queue.dead_letters()) == 1)
    assert len(notes.of("fail")) == 6


async def test_a_dead_worker_is_a_failed_attempt_and_replaced(tmp_path: Path, notes: Notes) -> None:
    async with dispatcher(tmp_path, function("die")) as runner:
        await runner.accept(object_event("die/a.ogg"))
        await until(lambda: runner.queue.done == 1)
    first, second = notes.of("die")
    assert first["pid"] != second["pid"]
    assert second["receives"] == "2"


async def test_a_late_run_is_killed(tmp_path: Path, notes: Notes) -> None:
    async with dispatcher(tmp_path, function("hang", timeout_s=0.5)) as runner:
        (job,) = await runner.accept(object_event("hang/a.ogg"))
        await until(lambda: len(notes.of("hang")) == 1)
        await until(lambda: any(j.error for j in runner.queue.open_jobs()))
        (waiting,) = runner.queue.open_jobs()
        assert waiting.id == job.id
        assert waiting.error == "it took longer than 0.5 s and was stopped"
        await until(lambda: runner.queue.done == 1)
    first, second = notes.of("hang")
    assert first["pid"] != second["pid"]
    assert not psutil.pid_exists(first["pid"])


async def test_a_handler_that_cannot_be_imported_says_so(tmp_path: Path) -> None:
    broken = LocalFunction("broken", "functions.no.such.handler", ObjectsUnder("", ""), 5)
    async with dispatcher(tmp_path, broken) as runner:
        await runner.accept(object_event("anything.ogg"))
        await until(lambda: len(runner.queue.dead_letters()) == 1)
        (dead,) = runner.queue.dead_letters()
    assert dead.error is not None
    assert dead.error.startswith("functions.no.such.handler can't be imported")


async def test_functions_do_not_wait_for_each_other(tmp_path: Path, notes: Notes) -> None:
    async with dispatcher(tmp_path, function("slow"), function("succeed")) as runner:
        await runner.accept(object_event("slow/a.ogg"))
        await until(lambda: len(notes.of("slow_began")) == 1)
        await runner.accept(object_event("succeed/a.ogg"))
        await until(lambda: runner.queue.done == 1)
        assert notes.of("slow_ended") == []
        (notes.folder / "go").touch()
        await until(lambda: runner.queue.done == 2)


async def test_a_schedule_runs_again_and_again(tmp_path: Path, notes: Notes) -> None:
    every = LocalFunction("tick", f"{HANDLERS}.tick", Every(0.05), 5)
    async with dispatcher(tmp_path, every):
        await until(lambda: len(notes.of("tick")) >= 3)
    assert {run["kind"] for run in notes.of("tick")} == {"Scheduled Event"}
    assert len({run["id"] for run in notes.of("tick")}) >= 3


@pytest.mark.parametrize(("attempt", "wait"), [(1, 2_000), (2, 8_000), (3, 32_000), (9, 300_000)])
def test_backoff_grows_to_five_minutes(attempt: int, wait: int) -> None:
    assert backoff_ms(attempt) == wait
