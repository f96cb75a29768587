"""`/v1/stream`: live recognition over a WebSocket, in vosk-server's protocol.

A client may send `{"config": {"sample_rate": …, "words": …}}`, then PCM16 in binary messages, each
answered by one JSON, and ends with `{"eof": 1}`, answered by the last result. The language and the
token are in the address, so that clients of vosk-server work as they are:
`/v1/stream?language=en&token=…`. With `room` and `identity` what is said is stored there. Of
several agents one serves an `identity`, and the others redirect to it (`stream_instances.py`).
"""

import asyncio
import json
import uuid
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from agent_fleet.fleet import Fleet
from agent_fleet.speaker import PipelineState
from agent_fleet.speaker_track import SpeakerTrack
from agent_fleet.stream_instances import StreamInstances
from agent_fleet.stream_speaker import NoCaptions, StreamSpeaker
from parley.auth.tokens import Principal, Role, TokenVerifier
from parley.clock import Clock, wall_clock_ms
from parley.errors import AudioError, BadInputError, ForbiddenError, UnauthorizedError
from parley.telemetry.logs import get_logger

log = get_logger("stream")

MAX_MESSAGE = 1 << 20
_SEND_LIMIT_S = 10.0
_SILENT_CLIENT_S = 60.0
_TEND_S = 0.5
_BAD_CONFIG = 4000
_BUSY = WSCloseCode.TRY_AGAIN_LATER


class StreamEndpoint:
    """All WebSocket clients of this process, on its main loop."""

    def __init__(self, fleet: Fleet, *, clock: Clock = wall_clock_ms) -> None:
        """Serve with what the process shares."""
        self._fleet = fleet
        self._clock = clock
        self._tokens = TokenVerifier(fleet.settings)
        settings = fleet.settings
        self.instances = StreamInstances(settings.fleet_url, settings.stream_instances)
        self._clients: set[web.WebSocketResponse] = set()

    async def close(self) -> None:
        """Ask every client to come back later."""
        for client in list(self._clients):
            await client.close(code=WSCloseCode.GOING_AWAY, message=b"the agent is stopping")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One client from its handshake to its end."""
        try:
            principal = await self._tokens.verify(_token(request))
            room_sid = request.query.get("room", "")
            _check(principal, room_sid)
        except (UnauthorizedError, ForbiddenError) as error:
            status = 401 if isinstance(error, UnauthorizedError) else 403
            return web.json_response({"title": str(error)}, status=status)
        if (url := self.instances.elsewhere(request)) is not None:
            return web.Response(status=307, headers={"Location": url})
        wish = request.query.get("language")
        language = self._fleet.languages.find(wish) if wish else self._fleet.languages.default
        if language is None:
            known = ", ".join(self._fleet.languages.known)
            return web.json_response({"title": f"languages are {known}"}, status=400)
        refusal = self._fleet.manager.admission()
        if refusal:
            self._fleet.manager.refused += 1
            return web.json_response({"title": refusal}, status=503, headers={"Retry-After": "5"})
        socket = web.WebSocketResponse(max_msg_size=MAX_MESSAGE + 16, heartbeat=20.0)
        await socket.prepare(request)
        track = SpeakerTrack(
            room_sid=room_sid,
            room_name=room_sid,
            track_sid=f"TR_WS{uuid.uuid4().hex[:12]}",
            identity=request.query.get("identity") or principal.sub,
            name=request.query.get("name", ""),
            language=language,
        )
        self._clients.add(socket)
        try:
            await self._serve(socket, track)
        finally:
            self._clients.discard(socket)
        return socket

    async def _serve(self, socket: web.WebSocketResponse, track: SpeakerTrack) -> None:
        fleet, stored = self._fleet, bool(track.room_sid)
        parts = fleet.parts(track, NoCaptions(), store=stored, record=stored)
        now_ms = self._clock()
        speaker = StreamSpeaker(track, parts, published_ms=now_ms)
        fleet.manager.add(speaker)
        speaker.start()
        tending = asyncio.create_task(_tend(speaker))
        publishing = (
            asyncio.create_task(fleet.registrar.publish_track(track, now_ms)) if stored else None
        )
        session = _Session(fleet, socket, speaker)
        code: int = WSCloseCode.INTERNAL_ERROR
        reason = "the agent failed"
        try:
            code, reason = await session.run()
        except (TimeoutError, ConnectionError):
            code, reason = WSCloseCode.POLICY_VIOLATION, "answers are not read, or take too long"
        finally:
            tending.cancel()
            if not session.finished:
                await speaker.close()  # what was being said is finished and stored all the same
            fleet.manager.remove(speaker)
            if publishing is not None and not publishing.done():
                publishing.cancel()
            try:
                async with asyncio.timeout(_SEND_LIMIT_S):
                    await socket.close(code=code, message=reason.encode()[:120])
            except (TimeoutError, ConnectionError):
                log.info("client did not say goodbye", track_sid=track.track_sid)


class _Session:
    """The protocol with one client."""

    def __init__(self, fleet: Fleet, socket: web.WebSocketResponse, speaker: StreamSpeaker) -> None:
        self._fleet = fleet
        self._socket = socket
        self._speaker = speaker
        self._words = True
        self._limit_s = fleet.settings.watchdog_seconds + 2
        self.finished = False

    async def run(self) -> tuple[int, str]:
        """Serve until the client ends or must be sent away; returns the close code and why."""
        while True:
            try:
                message = await self._socket.receive(timeout=_SILENT_CLIENT_S)
            except TimeoutError:
                return WSCloseCode.POLICY_VIOLATION, "nothing came for a minute"
            match message.type:
                case WSMsgType.BINARY:
                    await self._audio(message.data)
                case WSMsgType.TEXT:
                    try:
                        if await self._text(message.data):
                            return WSCloseCode.OK, ""
                    except (BadInputError, AudioError) as error:
                        return _BAD_CONFIG, str(error)
                case _:
                    return WSCloseCode.OK, ""

    async def _audio(self, data: bytes) -> None:
        self._speaker.take(data)
        if self._speaker.state is PipelineState.LIVE:
            await self._speaker.settled(self._limit_s)
        await self._send(self._speaker.answer(words=self._words))

    async def _text(self, text: str) -> bool:
        """Handle a text message; whether it was the end."""
        try:
            message = json.loads(text)
        except ValueError:
            raise BadInputError("text messages are JSON") from None
        if not isinstance(message, dict):
            raise BadInputError("text messages are JSON objects")
        if "config" in message:
            await self._configure(message["config"])
        if not message.get("eof"):
            return False
        await self._speaker.close()
        self.finished = True
        answer = self._speaker.answer(words=self._words)
        await self._send({"text": ""} if "partial" in answer else answer)
        return True

    async def _configure(self, config: Any) -> None:
        if not isinstance(config, dict):
            raise BadInputError("config is an object")
        if "sample_rate" in config:
            self._speaker.set_rate(config["sample_rate"])
        if "words" in config:
            self._words = bool(config["words"])
        wish = config.get("language", config.get("model"))
        if wish is not None:
            language = self._fleet.languages.find(wish) if isinstance(wish, str) else None
            if language is None:
                known = ", ".join(self._fleet.languages.known)
                raise BadInputError(f"languages are {known}")
            await self._speaker.change_language(language)

    async def _send(self, answer: dict[str, Any]) -> None:
        async with asyncio.timeout(_SEND_LIMIT_S):
            await self._socket.send_str(json.dumps(answer))


async def _tend(speaker: StreamSpeaker) -> None:
    while True:
        await asyncio.sleep(_TEND_S)
        speaker.tend()


def _token(request: web.Request) -> str:
    header = request.headers.get("Authorization", "")
    return header.removeprefix("Bearer ") or request.query.get("token", "")


def _check(principal: Principal, room_sid: str) -> None:
    if room_sid and not principal.holds(room_sid):
        raise ForbiddenError("the token is not for this room")
    if not room_sid and principal.role is Role.VIEWER:
        raise ForbiddenError("a viewer may not speak")
