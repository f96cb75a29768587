"""The FastAPI application: `uvicorn functions.webhook.app:app`."""

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Depends, FastAPI

from functions.webhook.guard import guard
from functions.webhook.routers import (
    asking,
    deliveries,
    health,
    insight,
    join_tokens,
    live,
    rooms,
    saying,
    summaries,
    tracks,
    transcripts,
    webhooks,
)
from functions.webhook.services import Services
from parley.settings import Settings
from parley.telemetry.logs import configure_logs
from parley.web import problems
from parley.web.last_resort import LastResort
from parley.web.openapi import document

GUARDED = (
    rooms.router,
    join_tokens.router,
    tracks.router,
    transcripts.router,
    summaries.router,
    saying.router,
    asking.router,
    insight.router,
    deliveries.router,
    live.router,
    health.router,
)
# The contract's version, not the program's: it changes when the OpenAPI document does.
API_VERSION = "1.0"
OPEN = (webhooks.router, health.open_router)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    if app.state.services is None:
        settings = Settings()
        configure_logs(settings.log_level, settings.log_format)
        app.state.services = Services.from_settings(settings)
        gc.collect()
        gc.set_threshold(20_000, 20, 50)  # kept chunks are many objects, and none is garbage
        gc.freeze()  # a look through all that was imported would stop every request for 0.1 s
    try:
        yield
    finally:
        await app.state.services.aclose()
        app.state.services = None


def create_app(services: Services | None = None) -> FastAPI:
    """The application; without services it makes its own from the settings when it starts."""
    app = FastAPI(
        title="Parley",
        summary="Rooms, recordings, transcripts and summaries of LiveKit voice rooms.",
        version=API_VERSION,
        lifespan=_lifespan,
        responses=problems.RESPONSES,
    )
    app.state.services = services
    for router in OPEN:  # first, for routes are tried in order and webhooks are the many
        app.include_router(router)
    for router in GUARDED:
        app.include_router(router, dependencies=[Depends(guard)])
    problems.install(app)
    document(app)
    app.add_middleware(LastResort)
    return app


app = create_app()
