"""Participants of a real room who publish an audio track."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from livekit import api, rtc

from parley.settings import Settings


def join_token(settings: Settings, room: str, identity: str) -> str:
    """A join token, as LiveKit's own library makes it."""
    return (
        api.AccessToken(settings.livekit_api_key, settings.livekit_api_secret.get_secret_value())
        .with_identity(identity)
        .with_name(identity.title())
        .with_grants(api.VideoGrants(room_join=True, room=room))
        .to_jwt()
    )


@asynccontextmanager
async def in_room(
    settings: Settings, room: str, identity: str, *, publish: bool = True, token: str | None = None
) -> AsyncIterator[rtc.Room]:
    """Somebody who is in the room while the block runs, with an audio track if they publish."""
    client = rtc.Room()
    await client.connect(settings.livekit_url, token or join_token(settings, room, identity))
    source = rtc.AudioSource(48_000, 1)
    try:
        if publish:
            track = rtc.LocalAudioTrack.create_audio_track("microphone", source)
            await client.local_participant.publish_track(track)
        yield client
    finally:
        await client.disconnect()
        await source.aclose()


async def until(condition: Callable[[], Awaitable[bool]], within_s: float = 10.0) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + within_s
    while not await condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        await asyncio.sleep(0.02)


def track_sids(client: rtc.Room) -> list[str]:
    """The sids of what somebody publishes."""
    return [p.sid for p in client.local_participant.track_publications.values()]
