"""Errors as RFC 9457 problem documents: the one place that maps ours to HTTP."""

import http
import math
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from parley.errors import (
    BadInputError,
    BlobUnavailableError,
    ConflictError,
    ForbiddenError,
    LiveKitError,
    LiveKitUnavailableError,
    NotFoundError,
    ParleyError,
    StorageUnavailableError,
    TooManyRequestsError,
    UnauthorizedError,
)
from parley.telemetry.logs import get_logger

log = get_logger("api")
MEDIA_TYPE = "application/problem+json"

# The first class that fits decides, so subclasses come before their bases.
STATUS: tuple[tuple[type[ParleyError], int], ...] = (
    (UnauthorizedError, 401),
    (ForbiddenError, 403),
    (NotFoundError, 404),
    (ConflictError, 409),
    (BadInputError, 422),
    (TooManyRequestsError, 429),
    (StorageUnavailableError, 503),
    (BlobUnavailableError, 503),
    (LiveKitUnavailableError, 503),
    (LiveKitError, 502),
)


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str = Field(description="`urn:parley:problem:` and a stable code.")
    title: str = Field(description="The HTTP status in words.")
    status: int
    detail: str = Field(description="What went wrong with this request.")
    errors: list[dict[str, Any]] | None = Field(
        None, description="For an invalid request: where (`loc`) and what (`msg`)."
    )


RESPONSES: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, description in (("4XX", "The request cannot be served"), ("5XX", "Try again"))
}


def status_of(error: ParleyError) -> int:
    """The HTTP status that tells a caller what the error means for them."""
    for kind, status in STATUS:
        if isinstance(error, kind):
            return status
    return 503 if error.retryable else 500


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    errors: list[dict[str, Any]] | None = None,
) -> JSONResponse:
    """A response that is a problem document."""
    body = Problem(
        type=f"urn:parley:problem:{code}",
        title=http.HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=errors,
    )
    return JSONResponse(
        body.model_dump(exclude_none=True), status, headers=headers, media_type=MEDIA_TYPE
    )


def install(app: FastAPI) -> None:
    """Answer every error of this application with a problem document."""

    @app.exception_handler(ParleyError)
    async def ours(request: Request, error: ParleyError) -> JSONResponse:
        status = status_of(error)
        headers: dict[str, str] = {}
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        if isinstance(error, TooManyRequestsError):
            headers["Retry-After"] = str(math.ceil(error.retry_after_s))
        elif status == 503:
            headers["Retry-After"] = "1"
        if status >= 500:
            log.error("request failed", code=error.code, reason=str(error), path=_route(request))
        # A failure of ours is told by its code; its message may name what is behind the API.
        detail = str(error) if status < 500 or error.retryable else "the server failed"
        return problem(status, error.code, detail, headers=headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [{"loc": list(e["loc"]), "msg": e["msg"]} for e in error.errors()]
        return problem(422, "invalid-request", "the request does not fit the API", errors=errors)

    @app.exception_handler(HTTPException)
    async def framework(_request: Request, error: HTTPException) -> JSONResponse:
        code = http.HTTPStatus(error.status_code).phrase.lower().replace(" ", "-")
        headers = dict(error.headers or {})
        return problem(error.status_code, code, str(error.detail), headers=headers)


def _route(request: Request) -> str:
    route = request.scope.get("route")
    return getattr(route, "path", "unknown")
