"""What the routes work with, made once a process, and the task list of delayed finalisations."""

import os
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, Request

from functions.webhook.grace import Grace, InlineGrace, TaskGrace
from functions.webhook.limits import RateLimits
from functions.webhook.partials import Partials
from parley.auth import TokenVerifier
from parley.blobs import BlobStore
from parley.clock import Clock, wall_clock_ms
from parley.livekit_api import LiveKit, WebhookVerifier
from parley.outbound.announcer import Announcer
from parley.rooms.known import KnownRooms
from parley.settings import Settings
from parley.storage import Stores
from parley.transcripts.cache import ChunkCache


@dataclass(frozen=True)
class Services:
    """The application's view of the world outside; tests hand in their own."""

    settings: Settings
    stores: Stores
    blobs: BlobStore
    livekit: LiveKit
    webhooks: WebhookVerifier
    tokens: TokenVerifier
    grace: Grace
    clock: Clock = wall_clock_ms
    limits: RateLimits = field(default_factory=RateLimits)
    chunks: ChunkCache = field(default_factory=ChunkCache)
    known_rooms: KnownRooms = field(default_factory=KnownRooms)
    partials: Partials | None = None

    @classmethod
    def from_settings(cls, settings: Settings, clock: Clock = wall_clock_ms) -> "Services":
        """Everything that the settings name; nothing connects until it is used."""
        inline = "AWS_LAMBDA_FUNCTION_NAME" in os.environ
        return cls(
            settings=settings,
            stores=Stores.from_settings(settings),
            blobs=BlobStore.from_settings(settings),
            livekit=LiveKit.from_settings(settings),
            webhooks=WebhookVerifier.from_settings(settings, clock),
            tokens=TokenVerifier.from_settings(settings),
            grace=InlineGrace() if inline else TaskGrace(),
            clock=clock,
            partials=None if inline else Partials(settings),
        )

    @property
    def announcer(self) -> Announcer:
        """Tells others of what became of rooms."""
        return Announcer.from_settings(self.settings, self.stores, self.clock)

    async def aclose(self) -> None:
        """Stop what runs in the background and close all connections."""
        await self.grace.aclose()
        if self.partials is not None:
            await self.partials.aclose()
        await self.livekit.aclose()
        self.stores.close()


async def services_of(request: Request) -> Services:
    """The application's services; made at the first request where no lifespan ran (Lambda).

    A coroutine although it awaits nothing: FastAPI runs plain functions in a thread.
    """
    state = request.app.state
    if state.services is None:
        state.services = Services.from_settings(Settings())
    services: Services = state.services
    return services


Using = Annotated[Services, Depends(services_of)]
