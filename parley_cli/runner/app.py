"""The runner's HTTP side: object events in, jobs and dead letters to look at and to retry."""

import sqlite3
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from parley.errors import BadInputError, NotFoundError, ParleyError
from parley.telemetry.logs import get_logger
from parley_cli.runner.dispatch import Dispatcher
from parley_cli.runner.jobs import Job

log = get_logger("runner")

_STATUS: dict[type[ParleyError], int] = {BadInputError: 400, NotFoundError: 404}


def make_app(dispatcher: Dispatcher) -> FastAPI:
    """The application; the caller runs the dispatcher."""
    app = FastAPI(title="Parley function runner", docs_url=None, redoc_url=None)

    @app.exception_handler(ParleyError)
    async def problem(_: Request, error: ParleyError) -> JSONResponse:
        status = next((s for kind, s in _STATUS.items() if isinstance(error, kind)), 500)
        return _problem(status, error.code, str(error))

    @app.exception_handler(sqlite3.Error)
    async def no_disk(_: Request, error: sqlite3.Error) -> JSONResponse:
        log.error("job not stored", reason=str(error))
        return _problem(503, "queue-unavailable", f"the job queue can't be written: {error}")

    @app.post("/events/s3")
    async def object_event(request: Request) -> dict[str, list[str]]:
        """Take an object event; the answer is sent when its jobs are on disk."""
        body = (await request.body()).decode("utf-8", "replace")
        return {"jobs": [job.id for job in await dispatcher.accept(body)]}

    @app.get("/healthz")
    @app.get("/health", include_in_schema=False)
    async def health() -> dict[str, Any]:
        """The functions and their worker processes."""
        return {
            "status": "ok",
            "functions": {
                name: {"workers": [w.pid for w in workers]}
                for name, workers in dispatcher.workers.items()
            },
        }

    @app.get("/jobs")
    async def jobs() -> dict[str, Any]:
        """What waits and what runs, and how many were done or given up."""
        return {
            "jobs": [_shown(j, running=j.id in dispatcher.running) for j in _open(dispatcher)],
            "done": dispatcher.queue.done,
            "dead": len(dispatcher.queue.dead_letters()),
        }

    @app.get("/dead-letters")
    async def dead_letters() -> dict[str, Any]:
        """The jobs that were given up, with the last error of each."""
        return {"dead_letters": [_shown(j) for j in dispatcher.queue.dead_letters()]}

    @app.post("/dead-letters/{job_id}/retry", status_code=202)
    async def retry(job_id: str) -> dict[str, Any]:
        """Put a dead letter back into the queue."""
        return _shown(await dispatcher.retry(job_id), running=False)

    return app


def _open(dispatcher: Dispatcher) -> list[Job]:
    return dispatcher.queue.open_jobs()


def _shown(job: Job, *, running: bool | None = None) -> dict[str, Any]:
    shown = job.model_dump(exclude={"body"})
    if running is not None:
        shown["state"] = "running" if running else "waiting"
    return shown


def _problem(status: int, code: str, detail: str) -> JSONResponse:
    return JSONResponse(
        {"type": "about:blank", "status": status, "code": code, "detail": detail},
        status_code=status,
        media_type="application/problem+json",
    )
