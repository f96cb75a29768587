"""`/live/{sid}`: a room's partials as they are captioned, for the API; one JSON object a line.

An empty line every few seconds shows that the fleet is still there.
"""

import asyncio

from aiohttp import web

from agent_fleet.dispatcher import Caption
from agent_fleet.speaker_track import SpeakerTrack
from parley.auth.tokens import Role, TokenVerifier
from parley.errors import UnauthorizedError
from parley.settings import Settings
from parley.transcripts.partials import Newest, Partial

_ALIVE_S = 5.0
_SEND_LIMIT_S = 10.0


class PartialFeed:
    """All readers of this process, on its main loop; captions come from the rooms' threads."""

    def __init__(self, settings: Settings) -> None:
        """Make it on the main loop."""
        self._loop = asyncio.get_running_loop()
        self._tokens = TokenVerifier(settings)
        self._readers: dict[str, set[Newest]] = {}
        self._closing = False

    def close(self) -> None:
        """End all answers."""
        self._closing = True
        for readers in self._readers.values():
            for reader in readers:
                reader.wake()

    def caption_sent(self, track: SpeakerTrack, caption: Caption) -> None:
        """Hand a caption on to those who read its room; from any thread."""
        if track.room_sid not in self._readers:
            return
        partial = Partial(
            id=caption.segment_id,
            track_sid=track.track_sid,
            identity=track.identity,
            name=track.name or track.identity,
            start_ms=caption.start_ms,
            end_ms=caption.end_ms,
            text=caption.text,
            final=caption.final,
        )
        self._loop.call_soon_threadsafe(self._put, track.room_sid, partial)

    def _put(self, room_sid: str, partial: Partial) -> None:
        for reader in self._readers.get(room_sid, ()):
            reader.put(partial)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One reader, until they go."""
        room_sid = request.match_info["sid"]
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        try:
            principal = await self._tokens.verify(token)
        except UnauthorizedError as error:
            return web.json_response({"title": str(error)}, status=401)
        if principal.role not in (Role.SERVICE, Role.ADMIN) or not principal.holds(room_sid):
            return web.json_response({"title": "this is for services"}, status=403)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        newest = Newest()
        self._readers.setdefault(room_sid, set()).add(newest)
        try:
            while not self._closing:
                await newest.wait(_ALIVE_S)
                lines = [partial.model_dump_json() for partial in newest.take()]
                async with asyncio.timeout(_SEND_LIMIT_S):
                    await response.write("".join(f"{line}\n" for line in lines or [""]).encode())
        except (ConnectionError, TimeoutError):
            pass  # they are gone, or do not read
        finally:
            self._readers[room_sid].discard(newest)
            if not self._readers[room_sid]:
                del self._readers[room_sid]
        return response
