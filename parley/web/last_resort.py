"""Answers 500 for an error nobody foresaw, and logs where it came from but not what it says.

An exception's message may quote the data it failed on: transcript text, a token. So it never
reaches the server's own error log.
"""

import traceback

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from parley.telemetry.logs import get_logger
from parley.web.problems import problem

log = get_logger("api")


class LastResort:
    """ASGI middleware outside of everything else of ours."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap an application."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; an exception becomes a problem document."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self._app(scope, receive, note_start)
        except Exception as error:  # the last resort is for every kind
            frames = [f"{f.filename}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__)]
            log.error("request crashed", error=type(error).__name__, frames=frames[-8:])
            if not started:
                await problem(500, "internal", "the server failed")(scope, receive, send)
