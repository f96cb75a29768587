"""The REST API as the commands use it: one class, our errors instead of status codes."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, Self

import httpx

from parley.auth import mint
from parley.domain.summary import Summary
from parley.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    ParleyError,
    SetupError,
    UnauthorizedError,
)
from parley.settings import Settings

_ERRORS: dict[int, type[ParleyError]] = {
    401: UnauthorizedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
}


class Api:
    """A client of the API with an administrator's token; an async context manager."""

    def __init__(self, settings: Settings, *, transport: httpx.AsyncBaseTransport | None = None):
        """Talk to the API that the settings name.

        Args:
            settings: the API's URL and the key that signs the token.
            transport: another way to send requests.
        """
        token = mint(settings, sub="parley-cli", role="admin", ttl_s=24 * 3600)
        self._url = settings.api_url
        self._http = httpx.AsyncClient(
            base_url=settings.api_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=httpx.Timeout(30, connect=5),
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        """Enter a context that closes the connections at its end."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def get(self, path: str, **query: Any) -> Any:
        """The JSON at a path; query values that are None are left out."""
        params = {name: value for name, value in query.items() if value is not None}
        return (await self._send("GET", path, params=params)).json()

    async def post(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Post JSON and return the answer's JSON."""
        answer = await self._send("POST", path, json=body or {})
        return answer.json() if answer.content else None

    async def create_room(self, name: str) -> str:
        """Open a room with an agent in it; returns its sid."""
        return str((await self.post("/rooms", {"name": name}))["room"]["sid"])

    async def room(self, sid: str) -> dict[str, Any]:
        """A room's record."""
        return dict(await self.get(f"/rooms/{sid}"))

    async def rooms(self, **query: Any) -> list[dict[str, Any]]:
        """The rooms that match, newest first."""
        return list((await self.get("/rooms", **query))["rooms"])

    async def find_room(self, sid_or_name: str) -> dict[str, Any]:
        """The room of this sid, else the latest of this name; raises `NotFoundError`."""
        if sid_or_name.startswith("RM_"):
            return await self.room(sid_or_name)
        if found := await self.rooms(name=sid_or_name, limit=1):
            return dict(found[0])
        raise NotFoundError(f"there is no room called {sid_or_name!r}")

    async def tracks(self, sid: str) -> list[dict[str, Any]]:
        """The room's tracks."""
        return list((await self.get(f"/rooms/{sid}/tracks"))["tracks"])

    async def transcript(
        self, sid: str, *, follow_every_s: float | None = None, **query: Any
    ) -> AsyncIterator[dict[str, Any]]:
        """The room's segments in order of time, page by page.

        Args:
            sid: the room.
            follow_every_s: ask again after so long until the room is completed; without it the
                segments that are there now are all.
            query: filters of the API.
        """
        cursor: str | None = None
        while True:
            page = await self.get(f"/rooms/{sid}/transcript", **query, cursor=cursor)
            for segment in page["segments"]:
                yield segment
            cursor = page["next_cursor"]
            if page["more"]:
                continue
            if cursor is None or follow_every_s is None:
                return
            await asyncio.sleep(follow_every_s)

    async def partials(self, sid: str) -> AsyncIterator[dict[str, Any]]:
        """What is recognised so far of utterances that go on, as long as the API sends it."""
        event = ""
        try:
            async with self._http.stream("GET", f"/rooms/{sid}/live") as answer:
                if not answer.is_success:
                    await answer.aread()
                    raise _ERRORS.get(answer.status_code, ParleyError)(_reason(answer))
                async for line in answer.aiter_lines():
                    name, _, value = line.partition(":")
                    if name == "event":
                        event = value.strip()
                    elif name == "data" and event == "partial":
                        yield json.loads(value)
        except httpx.TransportError as error:
            raise self._away() from error

    async def summary(self, sid: str) -> Summary:
        """The room's summary; raises `NotFoundError` while there is none."""
        return Summary.model_validate(await self.get(f"/rooms/{sid}/summary"))

    async def audit(self, sid: str) -> dict[str, Any]:
        """For each track of a room whether it is complete, and why not."""
        return dict(await self.get(f"/rooms/{sid}/audit"))

    async def join_token(self, sid: str, identity: str, name: str) -> str:
        """A LiveKit token with which somebody joins the room."""
        answer = await self.post(f"/rooms/{sid}/token", {"identity": identity, "name": name})
        return str(answer["token"])

    async def say(
        self, sid: str, text: str, *, voice: str | None, language: str | None, speed: float
    ) -> str:
        """Have the room's assistant say something; returns the request's id."""
        body = {"text": text, "voice": voice, "language": language, "speed": speed}
        return str((await self.post(f"/rooms/{sid}/say", body))["id"])

    async def ask(self, sid: str, question: str, *, voice: str | None, language: str | None) -> str:
        """Have the room's assistant answer a question; returns the request's id."""
        body = {"question": question, "voice": voice, "language": language}
        return str((await self.post(f"/rooms/{sid}/ask", body))["id"])

    async def finalize(self, sid: str) -> None:
        """Accept no more tracks and end the recordings."""
        await self.post(f"/rooms/{sid}/finalize")

    async def recording(self, sid: str, track_sid: str) -> bytes:
        """The track's recording, by its presigned URL."""
        answer = await self.get(f"/rooms/{sid}/recordings/{track_sid}")
        async with httpx.AsyncClient(timeout=60) as client:  # without our token
            audio = await client.get(answer["url"])
        if audio.is_error:
            raise NotFoundError(f"the recording of {track_sid} cannot be read: {audio.status_code}")
        return audio.content

    async def _send(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        try:
            answer = await self._http.request(method, path, **kwargs)
        except httpx.TransportError as error:
            raise self._away() from error
        if answer.is_success:
            return answer
        raise _ERRORS.get(answer.status_code, ParleyError)(_reason(answer))

    def _away(self) -> SetupError:
        return SetupError(f"the API at {self._url} does not answer: is the stack up?")


def _reason(answer: httpx.Response) -> str:
    """The sentence of a problem document."""
    try:
        problem = answer.json()
        return str(problem.get("detail") or problem["title"])
    except (ValueError, KeyError, AttributeError):
        return f"the API answered {answer.status_code}"
