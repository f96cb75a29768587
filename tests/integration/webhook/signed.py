"""Webhooks as LiveKit signs them, made by the same protocol messages."""

import base64
import datetime
import hashlib
import time
import uuid
from dataclasses import dataclass
from typing import Any

import jwt
from google.protobuf.json_format import MessageToJson
from livekit import api

from parley.settings import Settings


@dataclass(frozen=True)
class Signed:
    """A request that LiveKit could have sent."""

    body: bytes
    headers: dict[str, str]


def event(kind: str, room_sid: str, **parts: Any) -> api.WebhookEvent:
    """An event about a room, with parts of the protocol's own messages."""
    return api.WebhookEvent(
        event=kind,
        id=parts.pop("id", f"EV_{uuid.uuid4().hex}"),
        created_at=int(time.time()),
        room=api.Room(sid=room_sid, name=f"name of {room_sid}"),
        **parts,
    )


def speaker(identity: str = "ann", **fields: Any) -> api.ParticipantInfo:
    """A participant."""
    return api.ParticipantInfo(
        sid=f"PA_{identity}", identity=identity, name=identity.title(), **fields
    )


def audio(sid: str) -> api.TrackInfo:
    """An audio track."""
    return api.TrackInfo(sid=sid, type=api.TrackType.AUDIO, name="microphone")


def sign(
    message: api.WebhookEvent, settings: Settings, *, secret: str | None = None, age_s: int = 0
) -> Signed:
    """Sign an event, optionally with another key or some time ago."""
    body = MessageToJson(message, ensure_ascii=False).encode()
    now = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=age_s)
    claims = {
        "iss": settings.livekit_api_key,
        "nbf": int(now.timestamp()),
        "exp": int(now.timestamp()) + 86_400,
        "sha256": base64.b64encode(hashlib.sha256(body).digest()).decode(),
    }
    key = secret or settings.livekit_api_secret.get_secret_value()
    token = jwt.encode(claims, key, algorithm="HS256")
    return Signed(body, {"Authorization": token, "Content-Type": "application/webhook+json"})
