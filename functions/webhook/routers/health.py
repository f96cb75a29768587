"""`GET /healthz` and `GET /metrics`."""

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from functions.webhook.services import Using

open_router = APIRouter(tags=["health"])
router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The API answers and reaches its database."""

    status: str


@open_router.get("/healthz", response_model=Health)
async def healthz(services: Using) -> Health:
    """Whether the API can serve; 503 while its database is away."""
    await services.stores.database.ping()
    return Health(status="ok")


@router.get("/metrics", response_class=Response)
async def metrics() -> Response:
    """This process's counters in Prometheus's text form."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
