"""Errors as problem documents: the mapping, and what a caller never sees."""

from typing import NoReturn

import httpx
import pytest
import structlog
from fastapi import FastAPI
from structlog.testing import LogCapture

from parley import errors
from parley.errors import ParleyError, TooManyRequestsError
from parley.web import last_resort, problems
from parley.web.last_resort import LastResort


def all_errors() -> list[type[ParleyError]]:
    found: list[type[ParleyError]] = []
    waiting = [ParleyError]
    while waiting:
        kind = waiting.pop()
        if kind.__module__ == errors.__name__:
            found.append(kind)
        waiting += kind.__subclasses__()
    return found


async def answer_to(error: Exception) -> httpx.Response:
    app = FastAPI()
    problems.install(app)
    app.add_middleware(LastResort)

    @app.get("/", response_model=None)
    async def fail() -> NoReturn:
        raise error

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://parley") as client:
        return await client.get("/")


@pytest.mark.parametrize("kind", all_errors(), ids=lambda kind: kind.__name__)
async def test_every_error_of_ours_is_a_problem_document(kind: type[ParleyError]) -> None:
    answer = await answer_to(kind("why it failed"))
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert body["status"] == answer.status_code
    assert body["type"] == f"urn:parley:problem:{kind.code}"
    if kind.retryable:
        assert answer.status_code in {429, 503}
        assert int(answer.headers["retry-after"]) >= 1
    if answer.status_code >= 500 and not kind.retryable:
        assert body["detail"] == "the server failed"
    else:
        assert body["detail"] == "why it failed"


async def test_the_mapping_of_the_errors_that_callers_meet() -> None:
    expected = {
        errors.UnauthorizedError: 401,
        errors.ForbiddenError: 403,
        errors.NotFoundError: 404,
        errors.BlobNotFoundError: 404,
        errors.ConflictError: 409,
        errors.BadInputError: 422,
        errors.StorageUnavailableError: 503,
        errors.LiveKitError: 502,
        errors.SetupError: 500,
    }
    assert {kind: (await answer_to(kind("x"))).status_code for kind in expected} == expected
    limited = await answer_to(TooManyRequestsError("slow down", retry_after_s=2.1))
    assert (limited.status_code, limited.headers["retry-after"]) == (429, "3")
    refused = await answer_to(errors.UnauthorizedError("x"))
    assert refused.headers["www-authenticate"] == "Bearer"


async def test_an_unforeseen_error_tells_nobody_what_it_quotes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = LogCapture()
    logger = structlog.wrap_logger(structlog.PrintLogger(), processors=[written])
    monkeypatch.setattr(last_resort, "log", logger)
    answer = await answer_to(ValueError("the sentinel sentence"))
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "sentinel" not in answer.text
    [entry] = written.entries
    assert entry["error"] == "ValueError"
    assert "test_problems.py" in entry["frames"][-1]
    assert "sentinel" not in str(written.entries)
