"""The durable queue of jobs: written to disk before an event is acknowledged.

The rows live in persist-queue's SQLite queue (docs/decisions/0004-local-jobs-in-persist-queue.md):
`ack` when a job is done, `ack_failed` when it is a dead letter, neither while it waits or runs. So
whatever a killed runner had not finished is there at the next start. When a job is due is kept in
the row.
"""

import threading
import uuid
from pathlib import Path
from typing import Any

from persistqueue import SQLiteAckQueue
from persistqueue.serializers import json as json_rows
from persistqueue.sqlackqueue import AckStatus
from pydantic import BaseModel, ConfigDict

from parley.errors import NotFoundError

_KEEP_DONE = 200


class Job(BaseModel):
    """One message for one function.

    Attributes:
        id: the message id, the same over all deliveries.
        function: the function's name.
        body: the message.
        subject: what it is about (an object's key), for people.
        attempts: how often it has been started.
        queued_ms: when it came.
        due_ms: when it may run (next).
        error: why the last attempt failed.
    """

    model_config = ConfigDict(frozen=True)

    id: str
    function: str
    body: str
    subject: str
    attempts: int = 0
    queued_ms: int
    due_ms: int
    error: str | None = None


class JobQueue:
    """Jobs on disk and, those that are not finished, in memory; calls block for some ms."""

    def __init__(self, folder: Path) -> None:
        """Open or make the queue in a folder; unfinished jobs of an earlier runner are back."""
        folder.mkdir(parents=True, exist_ok=True)
        self._rows = SQLiteAckQueue(
            str(folder), auto_resume=True, multithreading=True, serializer=json_rows
        )
        self._lock = threading.Lock()
        self._row_ids: dict[str, int] = {}
        self._open: dict[str, Job] = {}
        self._dead: dict[str, Job] = {}
        self.done = 0
        for row in self._rows.queue():
            if str(row["status"]) == AckStatus.acked:
                self.done += 1
                continue
            job = Job.model_validate(row["data"])
            self._row_ids[job.id] = row["id"]
            dead = str(row["status"]) == AckStatus.ack_failed
            (self._dead if dead else self._open)[job.id] = job

    def put(self, function: str, body: str, subject: str, now_ms: int) -> Job:
        """Store a new job; when this returns, it is on disk."""
        job = Job(
            id=str(uuid.uuid4()),
            function=function,
            body=body,
            subject=subject,
            queued_ms=now_ms,
            due_ms=now_ms,
        )
        with self._lock:
            row_id = self._rows.put(job.model_dump())
            assert row_id is not None
            self._row_ids[job.id] = row_id
            self._open[job.id] = job
        return job

    def open_jobs(self, function: str | None = None) -> list[Job]:
        """Jobs that wait or run, the one due first at the beginning."""
        jobs = [j for j in list(self._open.values()) if function in (None, j.function)]
        return sorted(jobs, key=lambda j: (j.due_ms, j.queued_ms))

    def dead_letters(self) -> list[Job]:
        """Jobs that were given up, oldest first."""
        return sorted(self._dead.values(), key=lambda j: j.queued_ms)

    def started(self, job: Job) -> Job:
        """Count an attempt, before it begins."""
        return self._change(job, attempts=job.attempts + 1)

    def finished(self, job: Job) -> None:
        """The job is done."""
        with self._lock:
            self._rows.ack(id=self._row_ids.pop(job.id))
            del self._open[job.id]
            self.done += 1
            self._rows.clear_acked_data(max_delete=100, keep_latest=_KEEP_DONE)

    def failed(self, job: Job, error: str, due_ms: int) -> Job:
        """The attempt failed; the next may begin at `due_ms`."""
        return self._change(job, error=error, due_ms=due_ms)

    def gave_up(self, job: Job, error: str) -> None:
        """The last attempt failed: the job is a dead letter now."""
        dead = self._change(job, error=error)
        with self._lock:
            self._rows.ack_failed(id=self._row_ids[job.id])
            del self._open[job.id]
            self._dead[job.id] = dead

    def revive(self, job_id: str, now_ms: int) -> Job:
        """Put a dead letter back into the queue, with all its attempts before it.

        Raises:
            NotFoundError: no dead letter has this id.
        """
        with self._lock:
            job = self._dead.get(job_id)
            if job is None:
                raise NotFoundError(f"no dead letter has the id {job_id}")
            job = job.model_copy(update={"attempts": 0, "due_ms": now_ms})
            row_id = self._row_ids[job_id]
            self._rows.update(job.model_dump(), id=row_id)
            self._rows.nack(id=row_id)
            del self._dead[job_id]
            self._open[job_id] = job
        return job

    def close(self) -> None:
        """Close the file."""
        self._rows.close()

    def _change(self, job: Job, **fields: Any) -> Job:
        changed = job.model_copy(update=fields)
        with self._lock:
            self._rows.update(changed.model_dump(), id=self._row_ids[job.id])
            self._open[job.id] = changed
        return changed
