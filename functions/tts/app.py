"""The FastAPI application: `uvicorn functions.tts.app:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from functions.tts.services import Services
from functions.tts.speech import SpeechReply, SpeechRequest
from parley.auth import Role
from parley.errors import ForbiddenError, UnauthorizedError
from parley.settings import load_settings
from parley.telemetry.logs import configure_logs
from parley.web import problems
from parley.web.last_resort import LastResort
from parley.web.openapi import document

API_VERSION = "1.0"
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

    @app.post("/speech", dependencies=[Depends(guard)], status_code=200)
    async def speak(request: SpeechRequest, services: Using, response: Response) -> SpeechReply:
        """Speak a text into an Ogg Opus file.

        The same text, voice, speed and language is made once: 201 when it was made now, 200 when
        it was there. The URL can be read by anybody until it expires.
        """
        reply = await services.speaker().speak(request)
        response.status_code = 201 if reply.made else 200
        return reply

    problems.install(app)
    document(app)
    app.add_middleware(LastResort)
    return app


app = create_app()
