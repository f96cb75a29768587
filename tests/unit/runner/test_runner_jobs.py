"""Jobs are on disk before they are acknowledged and stay there until they are done."""

from pathlib import Path

import pytest

from parley.errors import NotFoundError
from parley_cli.runner.jobs import JobQueue


def test_an_unfinished_job_is_back_after_a_restart(tmp_path: Path) -> None:
    queue = JobQueue(tmp_path)
    first = queue.put("whisper_job", "body 1", "recordings/a.ogg", 10)
    second = queue.put("whisper_job", "body 2", "recordings/b.ogg", 11)
    third = queue.put("summarize", "body 3", "timelines/a.json", 12)
    queue.finished(queue.started(second))
    queue.failed(queue.started(first), "it broke", due_ms=500)
    queue.close()

    again = JobQueue(tmp_path)
    assert [j.id for j in again.open_jobs()] == [third.id, first.id]
    (kept,) = again.open_jobs("whisper_job")
    assert (kept.attempts, kept.error, kept.due_ms, kept.body) == (1, "it broke", 500, "body 1")
    assert again.done == 1
    again.close()


def test_the_job_due_first_comes_first(tmp_path: Path) -> None:
    queue = JobQueue(tmp_path)
    late = queue.put("f", "", "late", 5)
    soon = queue.put("f", "", "soon", 6)
    queue.failed(late, "x", due_ms=100)
    assert [j.id for j in queue.open_jobs("f")] == [soon.id, late.id]
    queue.close()


def test_dead_letters_keep_their_error_and_can_be_revived(tmp_path: Path) -> None:
    queue = JobQueue(tmp_path)
    job = queue.put("f", "body", "key", 5)
    queue.gave_up(queue.started(job), "no use")
    assert queue.open_jobs() == []
    queue.close()

    queue = JobQueue(tmp_path)
    (dead,) = queue.dead_letters()
    assert (dead.id, dead.error, dead.attempts) == (job.id, "no use", 1)
    revived = queue.revive(job.id, 99)
    assert (revived.attempts, revived.due_ms) == (0, 99)
    queue.close()

    queue = JobQueue(tmp_path)
    assert queue.dead_letters() == []
    assert [j.id for j in queue.open_jobs()] == [job.id]
    with pytest.raises(NotFoundError, match="no dead letter"):
        queue.revive(job.id, 100)
    queue.close()


def test_done_jobs_do_not_pile_up(tmp_path: Path) -> None:
    queue = JobQueue(tmp_path)
    for n in range(320):
        queue.finished(queue.put("f", "", str(n), n))
    assert queue.done == 320
    queue.close()
    again = JobQueue(tmp_path)
    assert 0 < again.done <= 301
    again.close()
