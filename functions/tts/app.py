"""The FastAPI application: `uvicorn functions.tts.app:app`."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Request, Response
from fastapi.responses import StreamingResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from functions.tts.services import Services
from functions.tts.speech import SpeechProgress, SpeechReply, SpeechRequest
from functions.tts.streams import STREAMS, wanted
from parley.auth import Role
from parley.errors import ForbiddenError, UnauthorizedError
from parley.settings import load_settings
from parley.telemetry.logs import configure_logs
from parley.web import problems
from parley.web.last_resort import LastResort
from parley.web.openapi import document

API_VERSION = "1.0"
_WAIT = re.compile(r"\bwait=(\d{1,3})\b")
MAY_SPEAK = frozenset({Role.ADMIN, Role.HOST, Role.SERVICE})
_bearer = HTTPBearer(auto_error=False, description="An API token (JWT).")


def services_of(request: Request) -> Services:
    """The application's services; made at the first request where no lifespan ran (Lambda)."""
    state = request.app.state
    if state.services is None:
        state.services = Services.from_settings(load_settings())
    services: Services = state.services
    return services


Using = Annotated[Services, Depends(services_of)]


async def guard(
    services: Using,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> None:
    """Let in who may make speech; raises `UnauthorizedError` or `ForbiddenError`."""
    if credentials is None:
        raise UnauthorizedError("this needs a bearer token")
    principal = await services.tokens.verify(credentials.credentials)
    if principal.role not in MAY_SPEAK:
        raise ForbiddenError(f"a {principal.role} may not do this")


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    settings = load_settings()
    if app.state.services is None:
        configure_logs(settings.log_level, settings.log_format)
        app.state.services = Services.from_settings(settings)
    try:
        yield
    finally:
        await app.state.services.aclose()
        app.state.services = None


def create_app(services: Services | None = None) -> FastAPI:
    """The application; without services it makes its own from the settings when it starts."""
    app = FastAPI(
        title="Parley speech",
        summary="Text to speech.",
        version=API_VERSION,
        lifespan=_lifespan,
        responses=problems.RESPONSES,
    )
    app.state.services = services

    @app.post(
        "/speech",
        dependencies=[Depends(guard)],
        status_code=200,
        response_model=SpeechReply | SpeechProgress,
        responses={200: {"content": {media_type: {} for media_type in STREAMS}}},
    )
    async def speak(
        request: SpeechRequest,
        services: Using,
        response: Response,
        prefer: Annotated[str, Header(max_length=64, description="`wait=SECONDS`")] = "",
        accept: Annotated[str, Header(max_length=256)] = "",
    ) -> SpeechReply | SpeechProgress | Response:
        """Speak a text into an Ogg Opus file, or answer with the sound itself.

        The same text, voice, speed and language is made once: 201 when it was made now, 200 when
        it was there. The URL can be read by anybody until it expires. 202 says that it takes
        longer than a call may (or than `Prefer: wait=…` allows, RFC 7240): repeat the request,
        which goes on where this one stopped.

        `Accept: audio/wav` or `audio/ogg` answers with the sound, sentence by sentence as it is
        made (behind API Gateway all at once), and stores nothing.
        """
        if (media_type := wanted(accept)) is not None:
            sounds = await services.speaker().stream(request)
            return StreamingResponse(STREAMS[media_type](sounds), media_type=media_type)
        wait = _WAIT.search(prefer)
        budget_s = float(wait[1]) if wait else services.budget_s
        reply = await services.speaker().speak(request, budget_s)
        if isinstance(reply, SpeechProgress):
            response.status_code = 202
            response.headers["Retry-After"] = "0"
        else:
            response.status_code = 201 if reply.made else 200
        return reply

    problems.install(app)
    document(app)
    app.add_middleware(LastResort)
    return app


app = create_app()
