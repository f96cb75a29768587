"""The one module that knows LiveKit's server API: rooms, dispatch, egress, tokens, webhooks."""

import asyncio
import base64
import datetime
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

import aiohttp
import jwt
from google.protobuf.json_format import Parse, ParseError
from livekit import api

from parley.clock import Clock, wall_clock_ms
from parley.errors import LiveKitError, LiveKitUnavailableError, NotFoundError, UnauthorizedError
from parley.settings import Settings

_OFFERED_MS = 15_000  # an agent's answer takes LiveKit a second or two


@dataclass(frozen=True)
class LiveRoom:
    """A room that is open in LiveKit now."""

    sid: str
    name: str
    created_ms: int
    participants: int


@dataclass(frozen=True)
class LiveTrack:
    """An audio track that is published now."""

    sid: str
    name: str
    muted: bool
    changed_ms: int


@dataclass(frozen=True)
class LiveParticipant:
    """Somebody who is in a room now, with their audio tracks."""

    sid: str
    identity: str
    name: str
    joined_ms: int
    agent: bool
    """Whether they are an agent or egress, rather than a person."""
    attributes: dict[str, str]
    audio_tracks: tuple[LiveTrack, ...]
    active: bool = True
    """Whether they are connected, so that what is sent to them arrives."""


class EgressPhase(StrEnum):
    """How far an egress is."""

    RUNNING = "running"
    COMPLETE = "complete"
    FAILED = "failed"


@dataclass(frozen=True)
class LiveEgress:
    """An egress of one track; times are the file's, 0 while there is none.

    Attributes:
        id: LiveKit's id.
        room_sid: its room.
        track_sid: its track.
        phase: how far it is.
        active: whether it has begun to record.
        started_ms: when its file begins, ms since the epoch.
        ended_ms: when its file ends.
        reason: why it failed, in few words.
    """

    id: str
    room_sid: str
    track_sid: str
    phase: EgressPhase
    active: bool
    started_ms: int
    ended_ms: int
    reason: str


@dataclass(frozen=True)
class FileStore:
    """The bucket into which LiveKit's egress writes, as it reaches it."""

    bucket: str
    region: str
    endpoint_url: str
    access_key: str
    secret_key: str

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The bucket that the settings name; without keys egress uses its own."""
        return cls(
            bucket=settings.s3_bucket,
            region=settings.s3_region,
            endpoint_url=settings.egress_s3_endpoint_url or settings.s3_endpoint_url or "",
            access_key=settings.s3_access_key or "",
            secret_key=settings.s3_secret_key.get_secret_value() if settings.s3_secret_key else "",
        )


@dataclass(frozen=True)
class WebhookEvent:
    """A verified webhook, reduced to what we use; absent parts are empty."""

    id: str
    kind: str
    created_ms: int
    room_sid: str
    room_name: str
    participant: LiveParticipant | None
    track: LiveTrack | None
    egress: LiveEgress | None


_LEEWAY_S = 5  # clocks differ
# Kinds that listen or speak for the system, never a person.
_OURS = (api.ParticipantInfo.Kind.AGENT, api.ParticipantInfo.Kind.EGRESS)


def _track(info: api.TrackInfo) -> LiveTrack:
    return LiveTrack(
        sid=info.sid,
        name=info.name,
        muted=info.muted,
        changed_ms=info.version.unix_micro // 1000,
    )


def _participant(info: api.ParticipantInfo) -> LiveParticipant:
    return LiveParticipant(
        sid=info.sid,
        identity=info.identity,
        name=info.name,
        joined_ms=info.joined_at_ms or info.joined_at * 1000,
        agent=info.kind in _OURS,
        attributes=dict(info.attributes),
        audio_tracks=tuple(_track(t) for t in info.tracks if t.type == api.TrackType.AUDIO),
        active=info.state == api.ParticipantInfo.State.ACTIVE,
    )


# `LIMIT_REACHED` leaves a whole file of a part of the track: that is no recording of it.
_EGRESS_ENDS = {
    api.EgressStatus.EGRESS_COMPLETE: EgressPhase.COMPLETE,
    api.EgressStatus.EGRESS_FAILED: EgressPhase.FAILED,
    api.EgressStatus.EGRESS_ABORTED: EgressPhase.FAILED,
    api.EgressStatus.EGRESS_LIMIT_REACHED: EgressPhase.FAILED,
}


def _egress(info: api.EgressInfo) -> LiveEgress:
    file = info.file_results[0] if info.file_results else info.file
    started_ns = file.started_at or info.started_at
    ended_ns = started_ns + file.duration if file.duration else file.ended_at or info.ended_at
    phase = _EGRESS_ENDS.get(info.status, EgressPhase.RUNNING)
    name = api.EgressStatus.Name(info.status).removeprefix("EGRESS_").lower().replace("_", " ")
    return LiveEgress(
        id=info.egress_id,
        room_sid=info.room_id,
        track_sid=info.track.track_id,
        phase=phase,
        active=info.status == api.EgressStatus.EGRESS_ACTIVE,
        started_ms=started_ns // 1_000_000,
        ended_ms=ended_ns // 1_000_000,
        reason=f"{name}: {info.error}" if info.error else name,
    )


class WebhookVerifier:
    """Checks LiveKit's webhooks: signed by our key, fresh, and the body unaltered."""

    def __init__(
        self,
        api_key: str,
        api_secret: str,
        *,
        max_age_s: int = 300,
        clock: Clock = wall_clock_ms,
    ) -> None:
        """Accept webhooks that were signed with this key pair at most `max_age_s` seconds ago."""
        self._key, self._secret = api_key, api_secret
        self._max_age_s = max_age_s
        self._clock = clock

    @classmethod
    def from_settings(cls, settings: Settings, clock: Clock = wall_clock_ms) -> Self:
        """The verifier of the key pair that the settings name."""
        return cls(
            settings.livekit_api_key,
            settings.livekit_api_secret.get_secret_value(),
            max_age_s=settings.webhook_max_age_s,
            clock=clock,
        )

    def verify(self, body: bytes, authorization: str | None) -> WebhookEvent:
        """The event in a webhook request.

        Args:
            body: the raw body, byte for byte as it was sent.
            authorization: the `Authorization` header.

        Raises:
            UnauthorizedError: the signature is missing, wrong or old, or the body was altered.
        """
        if not authorization:
            raise UnauthorizedError("the webhook is not signed")
        try:
            # As `api.WebhookReceiver` does, which keeps the time of signing to itself.
            claims = jwt.decode(
                authorization.removeprefix("Bearer "),
                self._secret,
                algorithms=["HS256"],
                issuer=self._key,
                leeway=_LEEWAY_S,
                options={"require": ["exp", "nbf", "sha256"]},
            )
            signed_s = float(claims["nbf"])
            digest = base64.b64decode(claims["sha256"], validate=True)
            if not hmac.compare_digest(digest, hashlib.sha256(body).digest()):
                raise UnauthorizedError("the webhook's body is not the one that was signed")
            event = Parse(body.decode(), api.WebhookEvent(), ignore_unknown_fields=True)
        except (jwt.PyJWTError, ParseError, ValueError, TypeError) as error:
            raise UnauthorizedError("the webhook's signature does not fit its body") from error
        if self._clock() / 1000 - signed_s > self._max_age_s:
            raise UnauthorizedError("the webhook was signed too long ago")
        return WebhookEvent(
            id=event.id,
            kind=event.event,
            created_ms=event.created_at * 1000,
            room_sid=event.room.sid or event.egress_info.room_id,
            room_name=event.room.name or event.egress_info.room_name,
            participant=_participant(event.participant) if event.participant.sid else None,
            track=(
                _track(event.track)
                if event.track.sid and event.track.type == api.TrackType.AUDIO
                else None
            ),
            egress=_egress(event.egress_info) if event.egress_info.egress_id else None,
        )


class LiveKit:
    """LiveKit's server API with our types and errors; an async context manager."""

    def __init__(
        self, url: str, api_key: str, api_secret: str, files: FileStore | None = None
    ) -> None:
        """Use this server and key pair, and this bucket for egress; nothing connects yet."""
        self._files = files
        self._url = url.replace("ws://", "http://").replace("wss://", "https://")
        self._key, self._secret = api_key, api_secret
        self._inner: api.LiveKitAPI | None = None

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The server that the settings name."""
        return cls(
            settings.livekit_url,
            settings.livekit_api_key,
            settings.livekit_api_secret.get_secret_value(),
            FileStore.from_settings(settings),
        )

    @property
    def _api(self) -> api.LiveKitAPI:
        if self._inner is None:  # made lazily: aiohttp wants a running loop
            self._inner = api.LiveKitAPI(
                self._url,
                self._key,
                self._secret,
                timeout=aiohttp.ClientTimeout(total=10),
            )
        return self._inner

    async def aclose(self) -> None:
        """Close the connections."""
        if self._inner is not None:
            await self._inner.aclose()
            self._inner = None

    async def __aenter__(self) -> Self:
        """Enter a context that closes the connections at its end."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close the connections."""
        await self.aclose()

    async def create_room(self, name: str, *, empty_timeout_s: int = 300) -> LiveRoom:
        """Open a room, or return the open one of this name."""
        request = api.CreateRoomRequest(name=name, empty_timeout=empty_timeout_s)
        with _our_errors():
            return _room(await self._api.room.create_room(request))

    async def list_rooms(self, names: Sequence[str] = ()) -> list[LiveRoom]:
        """The rooms that are open now (all, or those with these names)."""
        with _our_errors():
            answer = await self._api.room.list_rooms(api.ListRoomsRequest(names=list(names)))
        return [_room(room) for room in answer.rooms]

    async def list_participants(self, room_name: str) -> list[LiveParticipant]:
        """Who is in the open room of this name; nobody when there is none.

        Hidden participants are left out: nobody in the room can hear or reach them.
        """
        request = api.ListParticipantsRequest(room=room_name)
        try:
            with _our_errors():
                answer = await self._api.room.list_participants(request)
        except NotFoundError:
            return []
        return [_participant(p) for p in answer.participants if not p.permission.hidden]

    async def remove_participant(self, room_name: str, identity: str) -> None:
        """Put somebody out of a room."""
        with _our_errors():
            await self._api.room.remove_participant(
                api.RoomParticipantIdentity(room=room_name, identity=identity)
            )

    async def delete_room(self, name: str) -> None:
        """Close the open room of this name and put everybody out; fine when there is none."""
        try:
            with _our_errors():
                await self._api.room.delete_room(api.DeleteRoomRequest(room=name))
        except NotFoundError:
            return

    async def send_data(
        self, room_name: str, topic: str, data: bytes, identities: Sequence[str] = ()
    ) -> None:
        """Send a reliable data packet into a room (to all, or to these identities)."""
        request = api.SendDataRequest(
            room=room_name,
            data=data,
            kind=api.DataPacket.Kind.RELIABLE,
            topic=topic,
            destination_identities=list(identities),
        )
        with _our_errors():
            await self._api.room.send_data(request)

    async def dispatch_agent(self, room_name: str, agent_name: str, metadata: str = "") -> str:
        """Ask for an agent in a room (which may not exist yet); returns the dispatch id."""
        request = api.CreateAgentDispatchRequest(
            room=room_name, agent_name=agent_name, metadata=metadata
        )
        with _our_errors():
            return (await self._api.agent_dispatch.create_dispatch(request)).id

    async def start_track_egress(
        self, room_name: str, track_sid: str, key: str, *, within_s: float
    ) -> LiveEgress:
        """Have a track recorded into an object of the bucket.

        LiveKit takes some 20 s to say that there is no egress worker.

        Raises:
            LiveKitError: refused, nobody there, or no answer in time.
        """
        files = self._files
        if files is None:
            raise LiveKitError("there is no bucket for egress")
        upload = api.S3Upload(
            access_key=files.access_key,
            secret=files.secret_key,
            region=files.region,
            endpoint=files.endpoint_url,
            bucket=files.bucket,
            force_path_style=bool(files.endpoint_url),
        )
        request = api.TrackEgressRequest(
            room_name=room_name,
            track_id=track_sid,
            file=api.DirectFileOutput(filepath=key, disable_manifest=True, s3=upload),
        )
        with _our_errors():
            async with asyncio.timeout(within_s):
                return _egress(await self._api.egress.start_track_egress(request))

    async def stop_egress(self, egress_id: str, *, within_s: float) -> None:
        """End an egress; what it recorded so far becomes its file."""
        with _our_errors():
            async with asyncio.timeout(within_s):
                await self._api.egress.stop_egress(api.StopEgressRequest(egress_id=egress_id))

    async def list_egress(self, room_name: str) -> list[LiveEgress]:
        """The egresses of single tracks of a room that run or ended not long ago."""
        request = api.ListEgressRequest(room_name=room_name)
        with _our_errors():
            found = await self._api.egress.list_egress(request)
        return [_egress(info) for info in found.items if info.track.track_id]

    async def agent_at_work(self, room_name: str, agent_name: str, now_ms: int) -> bool:
        """Whether this agent is in a room, or on its way: asked for and not given up.

        LiveKit offers a job once: with nobody there to take it, it is forgotten but stays listed.

        Args:
            room_name: the room.
            agent_name: the agent's.
            now_ms: the time in ms since the epoch.
        """
        try:
            with _our_errors():
                found = await self._api.agent_dispatch.list_dispatch(room_name)
        except NotFoundError:
            return False
        ended = (
            api.JobStatus.JS_SUCCESS,
            api.JobStatus.JS_FAILED,
            api.JobStatus.JS_CANCELLED,
        )
        return any(
            any(job.state.status not in ended for job in sent.jobs)
            or (not sent.jobs and now_ms - sent.created_at // 1_000_000 < _OFFERED_MS)
            for sent in (d.state for d in found if d.agent_name == agent_name)
        )

    def join_token(
        self,
        room_name: str,
        identity: str,
        *,
        name: str = "",
        ttl_s: int = 3600,
        can_publish: bool = True,
        can_send_data: bool = True,
        hidden: bool = False,
        agent: bool = False,
        attributes: dict[str, str] | None = None,
    ) -> str:
        """A LiveKit token with which somebody joins one room.

        Args:
            room_name: the room.
            identity: who they are in it.
            name: what is shown for them.
            ttl_s: life of the token in seconds.
            can_publish: whether they may publish tracks.
            can_send_data: whether they may send data packets and text streams.
            hidden: whether others do not see them.
            agent: whether they are a part of the system, which keeps no room open.
            attributes: participant attributes that come with the token.
        """
        kind: api.AccessToken.ParticipantKind = "agent" if agent else "standard"
        return (
            api.AccessToken(self._key, self._secret)
            .with_kind(kind)
            .with_identity(identity)
            .with_name(name or identity)
            .with_ttl(datetime.timedelta(seconds=ttl_s))
            .with_attributes(attributes or {})
            .with_grants(
                api.VideoGrants(
                    room_join=True,
                    room=room_name,
                    can_publish=can_publish,
                    can_publish_data=can_send_data,
                    can_subscribe=True,
                    hidden=hidden,
                )
            )
            .to_jwt()
        )


def _room(info: api.Room) -> LiveRoom:
    return LiveRoom(
        sid=info.sid,
        name=info.name,
        created_ms=info.creation_time_ms or info.creation_time * 1000,
        participants=info.num_participants,
    )


class _our_errors:
    """Turns the client's errors into ours."""

    def __enter__(self) -> None:
        """Start to watch."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Raise our error for the client's."""
        if isinstance(error, api.TwirpError):
            if error.code == "not_found":
                raise NotFoundError("LiveKit knows no such room or participant") from error
            if error.code in {"unavailable", "deadline_exceeded", "internal"}:
                raise LiveKitUnavailableError(f"LiveKit cannot answer now: {error.code}") from error
            raise LiveKitError(f"LiveKit refused the call: {error.code}") from error
        if isinstance(error, (aiohttp.ClientError, TimeoutError)):
            raise LiveKitUnavailableError("LiveKit cannot be reached") from error
