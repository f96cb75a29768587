"""A local server that speaks LiveKit's Egress API and records for real, in front of a LiveKit.

It answers `livekit.Egress` over Twirp (protobuf bodies) and checks each request against the
protocol's own messages: no unknown fields, the required ones there, a token that may record. All
other calls go on to the real LiveKit. Where LiveKit's worker records, this one joins the room as
an egress participant, writes what it hears as Ogg Opus, uploads that to the bucket with the keys
in the request, and sends LiveKit's signed `egress_…` webhooks.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import boto3
import numpy as np
from aiohttp import web
from google.protobuf.message import DecodeError, Message
from google.protobuf.unknown_fields import UnknownFieldSet
from livekit import api, rtc

from parley.audio.ogg_writer import OggOpusWriter
from parley.settings import Settings
from tests.integration.webhook.signed import Signed, event, sign

RATE = 48_000
_REQUESTS: dict[str, type[Message]] = {
    "StartTrackEgress": api.TrackEgressRequest,
    "StopEgress": api.StopEgressRequest,
    "ListEgress": api.ListEgressRequest,
}
_STATUS = {
    "invalid_argument": 400,
    "unauthenticated": 401,
    "permission_denied": 403,
    "not_found": 404,
    "resource_exhausted": 429,
    "failed_precondition": 412,
    "internal": 500,
    "unavailable": 503,
}
Send = Callable[[Signed], Awaitable[None]]


@dataclass
class Job:
    """One egress: what was asked, how far it is, and the file that it writes."""

    request: api.TrackEgressRequest
    info: api.EgressInfo
    path: Path
    recording: "asyncio.Task[None] | None" = None
    first_sample: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


class Refused(Exception):
    """A Twirp error."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class FakeEgress:
    """The server's state; tests look at it and tell it what to do.

    Attributes:
        refuse: a Twirp error code with which egresses are refused from now on.
        problems: what was wrong with requests.
        jobs: the egresses by id.
    """

    def __init__(self, settings: Settings, send: Send, folder: Path) -> None:
        self._settings, self._send, self._folder = settings, send, folder
        self._http = settings.livekit_url.replace("ws://", "http://")
        self.refuse: str | None = None
        self.problems: list[str] = []
        self.asked: list[str] = []
        self.jobs: dict[str, Job] = {}
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()

    # --- what tests ask -----------------------------------------------------------

    def of_track(self, track_sid: str) -> list[Job]:
        """The egresses of a track."""
        return [job for job in self.jobs.values() if job.request.track_id == track_sid]

    async def fail(self, job: Job, error: str) -> None:
        """The worker dies: the egress ends without a file."""
        await self._end_recording(job)
        await self._tell(job, "egress_ended", api.EgressStatus.EGRESS_FAILED, error=error)

    # --- the protocol -------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request, or pass it on to LiveKit."""
        service, _, method = request.path.removeprefix("/twirp/").partition("/")
        if service != "livekit.Egress":
            return await self._pass_on(request)
        self.asked.append(method)
        try:
            message = self._checked(request, method, await request.read())
            answer = await self._answer(message)
        except Refused as error:
            if error.code != self.refuse:
                self.problems.append(f"{method}: {error}")
            body = {"code": error.code, "msg": str(error)}
            return web.json_response(body, status=_STATUS[error.code])
        return web.Response(body=answer.SerializeToString(), content_type="application/protobuf")

    def _checked(self, request: web.Request, method: str, body: bytes) -> Message:
        kind = _REQUESTS.get(method)
        if request.method != "POST" or kind is None:
            raise Refused("not_found", f"no such method: {method}")
        if request.content_type != "application/protobuf":
            raise Refused("invalid_argument", f"not protobuf: {request.content_type}")
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        verifier = api.TokenVerifier(
            self._settings.livekit_api_key, self._settings.livekit_api_secret.get_secret_value()
        )
        try:
            claims = verifier.verify(token)
        except Exception as error:
            raise Refused("unauthenticated", "the token is not valid") from error
        if claims.video is None or not claims.video.room_record:
            raise Refused("permission_denied", "the token may not record")
        try:
            message = kind.FromString(body)
        except DecodeError as error:
            raise Refused("invalid_argument", f"not a {kind.__name__}") from error
        if unknown := list(_unknown(message)):
            raise Refused("invalid_argument", f"unknown fields: {unknown}")
        return message

    async def _answer(self, message: Message) -> Message:
        if isinstance(message, api.TrackEgressRequest):
            return await self._start(message)
        if isinstance(message, api.StopEgressRequest):
            job = self.jobs.get(message.egress_id)
            if job is None:
                raise Refused("not_found", "no such egress")
            self._spawn(self._finish(job))
            return job.info
        assert isinstance(message, api.ListEgressRequest)
        found = [
            job.info
            for job in self.jobs.values()
            if message.room_name in ("", job.info.room_name)
            and message.egress_id in ("", job.info.egress_id)
            and (not message.active or job.info.status <= api.EgressStatus.EGRESS_ENDING)
        ]
        return api.ListEgressResponse(items=found)

    async def _start(self, request: api.TrackEgressRequest) -> api.EgressInfo:
        if self.refuse:
            raise Refused(self.refuse, "no response from servers")
        upload = request.file.s3
        required = {
            "room_name": request.room_name,
            "track_id": request.track_id,
            "file": request.WhichOneof("output") == "file",
            "file.filepath": request.file.filepath,
            "file.s3": request.file.WhichOneof("output") == "s3",
            "file.s3.bucket": upload.bucket,
            "file.s3.access_key and secret": bool(upload.access_key) == bool(upload.secret),
        }
        if missing := [name for name, value in required.items() if not value]:
            raise Refused("invalid_argument", f"missing: {missing}")
        room_sid = await self._room_of(request.room_name, request.track_id)
        if room_sid is None:
            raise Refused("not_found", "no such track is published")
        egress_id = f"EG_{len(self.jobs):08}"
        info = api.EgressInfo(
            egress_id=egress_id,
            room_id=room_sid,
            room_name=request.room_name,
            status=api.EgressStatus.EGRESS_STARTING,
            track=request,
        )
        job = Job(request, info, self._folder / f"{egress_id}.ogg")
        self.jobs[egress_id] = job
        job.recording = self._spawn(self._record(job))
        answer = api.EgressInfo()
        answer.CopyFrom(info)
        return answer

    # --- the worker ---------------------------------------------------------------

    async def _record(self, job: Job) -> None:
        """Hear the track until it ends, then upload it; as LiveKit's worker does."""
        room = rtc.Room()
        heard: asyncio.Future[rtc.Track] = asyncio.get_running_loop().create_future()

        def on_subscribed(track: rtc.Track, *_: object) -> None:
            if track.sid == job.request.track_id and not heard.done():
                heard.set_result(track)

        def on_published(publication: rtc.RemoteTrackPublication, *_: object) -> None:
            publication.set_subscribed(publication.sid == job.request.track_id)

        def on_gone(track: rtc.Track, *_: object) -> None:
            if track.sid == job.request.track_id:
                job.over.set()

        room.on("track_subscribed", on_subscribed)
        room.on("track_unsubscribed", on_gone)
        room.on("track_published", on_published)
        token = self._token(job)
        await room.connect(self._settings.livekit_url, token, rtc.RoomOptions(auto_subscribe=False))
        try:
            for person in room.remote_participants.values():
                for publication in person.track_publications.values():
                    on_published(publication)
            track = await asyncio.wait_for(heard, 10)
            writing = asyncio.create_task(self._write(job, track))
            over = asyncio.create_task(job.over.wait())
            try:
                await asyncio.wait({writing, over}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (writing, over):
                    task.cancel()
                await asyncio.gather(writing, over, return_exceptions=True)
        finally:
            await room.disconnect()
        await self._finish(job, wait=False)

    async def _write(self, job: Job, track: rtc.Track) -> None:
        stream = rtc.AudioStream.from_track(track=track, sample_rate=RATE, num_channels=1)
        try:
            with OggOpusWriter(job.path, RATE) as out:
                async for heard in stream:
                    if not job.first_sample.is_set():
                        job.info.started_at = time.time_ns()
                        job.first_sample.set()
                        await self._tell(job, "egress_started", api.EgressStatus.EGRESS_ACTIVE)
                    out.write(np.frombuffer(heard.frame.data, np.int16))
        finally:
            await stream.aclose()

    async def _finish(self, job: Job, *, wait: bool = True) -> None:
        """Close the file, upload it and say so."""
        if wait:
            await self._end_recording(job)
        if job.info.status > api.EgressStatus.EGRESS_ENDING:
            return
        job.info.ended_at = time.time_ns()
        await self._tell(job, "egress_updated", api.EgressStatus.EGRESS_ENDING)
        size = await asyncio.to_thread(self._upload, job)
        job.info.file_results.append(
            api.FileInfo(
                filename=job.request.file.filepath,
                started_at=job.info.started_at,
                ended_at=job.info.ended_at,
                duration=job.info.ended_at - job.info.started_at,
                size=size,
                location=f"s3://{job.request.file.s3.bucket}/{job.request.file.filepath}",
            )
        )
        await self._tell(job, "egress_ended", api.EgressStatus.EGRESS_COMPLETE)

    async def _end_recording(self, job: Job) -> None:
        if job.recording is not None and not job.recording.done():
            job.recording.cancel()
            await asyncio.gather(job.recording, return_exceptions=True)

    def _upload(self, job: Job) -> int:
        upload = job.request.file.s3
        client = boto3.client(
            "s3",
            endpoint_url=upload.endpoint or None,
            aws_access_key_id=upload.access_key,
            aws_secret_access_key=upload.secret,
            region_name=upload.region,
        )
        client.upload_file(
            str(job.path), upload.bucket, job.request.file.filepath,
            ExtraArgs={"ContentType": "audio/ogg"},
        )  # fmt: skip
        return job.path.stat().st_size

    async def _tell(
        self, job: Job, kind: str, status: api.EgressStatus, *, error: str = ""
    ) -> None:
        job.info.status = status
        job.info.error = error
        job.info.updated_at = time.time_ns()
        # LiveKit sends no room with these: the egress says which it is.
        message = event(kind, "", egress_info=job.info)
        message.ClearField("room")
        await self._send(sign(message, self._settings))

    # --- LiveKit itself -----------------------------------------------------------

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        headers = {name: request.headers[name] for name in ("Authorization", "Content-Type")}
        async with (
            aiohttp.ClientSession() as http,
            http.post(
                self._http + request.path, data=await request.read(), headers=headers
            ) as answer,
        ):
            return web.Response(
                body=await answer.read(), status=answer.status, content_type=answer.content_type
            )

    async def _room_of(self, name: str, track_sid: str) -> str | None:
        async with self._api() as livekit:
            rooms = await livekit.room.list_rooms(api.ListRoomsRequest(names=[name]))
            if not rooms.rooms:
                return None
            people = await livekit.room.list_participants(api.ListParticipantsRequest(room=name))
        published = {t.sid for p in people.participants for t in p.tracks}
        return rooms.rooms[0].sid if track_sid in published else None

    def _api(self) -> api.LiveKitAPI:
        return api.LiveKitAPI(
            self._http,
            self._settings.livekit_api_key,
            self._settings.livekit_api_secret.get_secret_value(),
        )

    def _token(self, job: Job) -> str:
        secret = self._settings.livekit_api_secret.get_secret_value()
        grants = api.VideoGrants(
            room_join=True, room=job.request.room_name, hidden=True, recorder=True
        )
        return (
            api.AccessToken(self._settings.livekit_api_key, secret)
            .with_identity(job.info.egress_id)
            .with_kind("egress")
            .with_grants(grants)
            .to_jwt()
        )

    def _spawn(self, work: "Awaitable[None]") -> "asyncio.Task[None]":
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def aclose(self) -> None:
        """End what still records."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


def _unknown(message: Message) -> "list[str]":
    unknown = UnknownFieldSet(message)
    numbers = [unknown[at].field_number for at in range(len(unknown))]
    found = [f"{message.DESCRIPTOR.name}.{number}" for number in numbers]
    for descriptor, value in message.ListFields():
        if descriptor.message_type is None:
            continue
        for part in value if isinstance(value, (list, tuple)) or hasattr(value, "add") else [value]:
            if isinstance(part, Message):
                found += _unknown(part)
    return found


@asynccontextmanager
async def fake_egress(settings: Settings, send: Send) -> AsyncIterator[FakeEgress]:
    """A running server on a free port.

    Args:
        settings: of the real LiveKit, whose key signs the webhooks.
        send: delivers a signed webhook.
    """
    with tempfile.TemporaryDirectory(prefix="egress-") as folder:
        fake = FakeEgress(settings, send, Path(folder))
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", fake.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        fake.url = f"http://{host}:{port}"
        try:
            yield fake
        finally:
            await fake.aclose()
            await runner.cleanup()
