"""Runs due jobs in the functions' workers: retry with back-off, dead letters, schedules."""

import asyncio
import uuid
from collections.abc import Callable
from functools import partial

from parley.clock import Clock, wall_clock_ms
from parley.telemetry.logs import get_logger
from parley_cli.runner.functions import Every, LocalFunction, ObjectsUnder
from parley_cli.runner.jobs import Job, JobQueue
from parley_cli.runner.messages import failed_messages, schedule_event, sqs_event
from parley_cli.runner.split import one_event_each
from parley_cli.runner.workers import RunFailedError, Worker

log = get_logger("runner")


def backoff_ms(attempt: int) -> int:
    """The wait after a failed attempt: 2 s, 8 s, 32 s, at most 5 minutes."""
    return int(min(2_000 * 4 ** (attempt - 1), 300_000))


class Dispatcher:
    """Takes events in and sees to it that each runs until it is done or given up."""

    def __init__(
        self,
        queue: JobQueue,
        functions: tuple[LocalFunction, ...],
        *,
        attempts: int,
        clock: Clock = wall_clock_ms,
        wait_after: Callable[[int], int] = backoff_ms,
    ) -> None:
        """Run these functions.

        Args:
            queue: the jobs.
            functions: what to run.
            attempts: attempts before a job is a dead letter.
            clock: the time.
            wait_after: ms to wait after the n-th failed attempt.
        """
        self.queue = queue
        self.functions = functions
        self.workers = {f.name: [Worker(f) for _ in range(f.workers)] for f in functions}
        self.running: dict[str, str] = {}  # job id → function
        self._attempts = attempts
        self._clock = clock
        self._wait_after = wait_after
        self._changed = {f.name: asyncio.Event() for f in functions}

    async def accept(self, body: str) -> list[Job]:
        """Store what an object event asks for; on disk when this returns.

        Raises:
            BadInputError: the body is no JSON object.
        """
        jobs = []
        for created, single in list(one_event_each(body)):  # all of it is valid, or none
            for function in self.functions:
                if isinstance(function.trigger, ObjectsUnder) and function.trigger.takes(created):
                    put = partial(self.queue.put, function.name, single, created.key, self._clock())
                    jobs.append(await asyncio.to_thread(put))
                    self._changed[function.name].set()
        return jobs

    async def retry(self, job_id: str) -> Job:
        """Run a dead letter again; raises `NotFoundError`."""
        job = await asyncio.to_thread(self.queue.revive, job_id, self._clock())
        if job.function in self._changed:
            self._changed[job.function].set()
        return job

    async def run(self) -> None:
        """Serve until cancelled; workers are stopped then, and their jobs stay in the queue."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for function in self.functions:
                    serve = (
                        self._serve_schedule
                        if isinstance(function.trigger, Every)
                        else self._serve_queue
                    )
                    for worker in self.workers[function.name]:
                        tasks.create_task(serve(worker), name=function.name)
        finally:
            for worker in (w for ws in self.workers.values() for w in ws):
                await worker.stop()

    async def _serve_queue(self, worker: Worker) -> None:
        try:
            await worker.start()
        except RunFailedError as error:  # each job says so again
            log.error("function can't run", function=worker.function.name, reason=str(error))
        while True:
            await self._attempt(worker, await self._next(worker.function.name))

    async def _next(self, function: str) -> Job:
        """The job of a function that is due; claimed before anybody else looks."""
        changed = self._changed[function]
        while True:
            changed.clear()
            waiting = [j for j in self.queue.open_jobs(function) if j.id not in self.running]
            wait_ms = waiting[0].due_ms - self._clock() if waiting else None
            if wait_ms is not None and wait_ms <= 0:
                self.running[waiting[0].id] = function
                return waiting[0]
            try:
                async with asyncio.timeout(None if wait_ms is None else wait_ms / 1000):
                    await changed.wait()
            except TimeoutError:
                continue

    async def _attempt(self, worker: Worker, job: Job) -> None:
        try:
            job = await asyncio.to_thread(self.queue.started, job)
            event = sqs_event(
                message_id=job.id,
                body=job.body,
                receives=job.attempts,
                first_ms=job.queued_ms,
                now_ms=self._clock(),
                queue_arn=worker.function.queue_arn,
            )
            try:
                failed = failed_messages(await worker.run(event, str(uuid.uuid4())))
                error = "the function asked for another delivery: see its log" if failed else None
            except RunFailedError as run_error:
                error = str(run_error)
            await self._settle(job, error)
        finally:
            del self.running[job.id]

    async def _settle(self, job: Job, error: str | None) -> None:
        told = {"function": job.function, "job": job.id, "subject": job.subject}
        if error is None:
            await asyncio.to_thread(self.queue.finished, job)
            log.info("job done", **told)
        elif job.attempts >= self._attempts:
            await asyncio.to_thread(self.queue.gave_up, job, error)
            log.error("job given up", attempts=job.attempts, reason=error, **told)
        else:
            due_ms = self._clock() + self._wait_after(job.attempts)
            await asyncio.to_thread(self.queue.failed, job, error, due_ms)
            log.warning("job failed", attempts=job.attempts, reason=error, **told)

    async def _serve_schedule(self, worker: Worker) -> None:
        trigger = worker.function.trigger
        assert isinstance(trigger, Every)
        while True:
            event = schedule_event(
                event_id=str(uuid.uuid4()), name=worker.function.name, now_ms=self._clock()
            )
            try:
                await worker.run(event, event["id"])
            except RunFailedError as error:
                log.warning(
                    "scheduled run failed", function=worker.function.name, reason=str(error)
                )
            await asyncio.sleep(trigger.seconds)
