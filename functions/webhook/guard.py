"""The dependency in front of every route: who calls, and may they."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from functions.webhook.services import Using
from parley.auth import OPEN_ROUTES, Principal, check
from parley.errors import UnauthorizedError

_bearer = HTTPBearer(auto_error=False, description="An API token (JWT).")


async def guard(
    request: Request,
    services: Using,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal:
    """The caller; raises `UnauthorizedError` or `ForbiddenError`."""
    if credentials is None:
        raise UnauthorizedError("this needs a bearer token")
    principal = await services.tokens.verify(credentials.credentials)
    route = request.scope["route"].path
    check(principal, request.method, route, request.path_params.get("sid"))
    return principal


Caller = Annotated[Principal, Depends(guard)]

__all__ = ["OPEN_ROUTES", "Caller", "guard"]
