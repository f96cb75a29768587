"""The local API: on one address what API Gateway puts together, `uvicorn …local_api:app`.

`POST /speech` is the speech function's, everything else the webhook function's. The speech function
is imported and its engine loaded with the first request for speech.
"""

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

from starlette.types import ASGIApp, Receive, Scope, Send

from functions.webhook.app import create_app

if TYPE_CHECKING:
    from fastapi import FastAPI

SPEECH = "/speech"


class LocalApi:
    """Two applications behind one port; an ASGI application."""

    def __init__(self, webhook: ASGIApp, speech_module: str = "functions.tts.app") -> None:
        """Serve these.

        Args:
            webhook: the API; the server's lifespan is its.
            speech_module: holds `create_app` of the speech function.
        """
        self._webhook = webhook
        self._speech_module = speech_module
        self._speech: FastAPI | None = None
        self._importing = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or live through the server's life."""
        if scope["type"] == "lifespan":
            try:
                await self._webhook(scope, receive, send)
            finally:
                await self._close_speech()
        elif scope["path"] == SPEECH:
            await (await self._speech_app())(scope, receive, send)
        else:
            await self._webhook(scope, receive, send)

    async def _speech_app(self) -> "FastAPI":
        async with self._importing:
            if self._speech is None:
                module: Any = await asyncio.to_thread(importlib.import_module, self._speech_module)
                self._speech = module.create_app()
            return self._speech

    async def _close_speech(self) -> None:
        if self._speech is not None and self._speech.state.services is not None:
            await self._speech.state.services.aclose()


app = LocalApi(create_app())
