"""A room with people in it, and what tests ask of what came of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from parley.audio.ogg import decode
from parley.blobs import BlobStore, manifest_key, recording_key
from parley.domain.segment import Segment, Version
from parley.domain.track import Recording, Track, TrackStatus
from parley.livekit_api import LiveKit, LiveRoom
from parley.settings import Settings
from parley.storage import Stores
from parley_cli.demo.listener import Listener
from tests.integration.fleet.conftest import eventually, open_room
from tests.integration.fleet.speech import Person


class Meeting:
    """A room, and what its tests ask of it."""

    def __init__(
        self, settings: Settings, livekit: LiveKit, room: LiveRoom, stores: Stores, blobs: BlobStore
    ) -> None:
        self.settings, self.livekit, self.room = settings, livekit, room
        self.stores, self.blobs = stores, blobs

    async def person(self, identity: str) -> Person:
        token = self.livekit.join_token(self.room.name, identity)
        someone = Person(self.settings.livekit_url, token)
        await someone.join()
        return someone

    def listener(self) -> Listener:
        token = self.livekit.join_token(self.room.name, "listener")
        return Listener(self.settings.livekit_url, token, lambda _: None)

    async def ended(self, track_sid: str, status: TrackStatus = TrackStatus.RECORDED) -> Track:
        async def is_so() -> bool:
            track = await self.stores.tracks.find(track_sid)
            return track is not None and track.status is status

        await eventually(is_so, what=f"track {status}")
        return await self.stores.tracks.get(track_sid)

    async def segments(self, track_sid: str) -> list[Segment]:
        track = await self.stores.tracks.get(track_sid)
        headers = track.headers(Version.LIVE)
        return await self.stores.chunks.read_version(track_sid, Version.LIVE, headers)

    async def recording(self, track_sid: str) -> tuple[Recording, float]:
        """The stored manifest, and the seconds that the stored audio lasts."""
        key = manifest_key(self.room.sid, track_sid)
        manifest = Recording.model_validate_json(await self.blobs.get(key))
        audio_key = recording_key(self.room.sid, track_sid)

        async def stored() -> bool:  # after the track is told that it is recorded
            return await self.blobs.size(audio_key) is not None

        await eventually(stored, what="audio stored")
        audio = decode(await self.blobs.get(audio_key))
        return manifest, len(audio) / 16_000


@asynccontextmanager
async def hold(settings: Settings) -> AsyncIterator[Meeting]:
    """A meeting with the agent of these settings in it."""
    stores = Stores.from_settings(settings)
    async with (
        LiveKit.from_settings(settings) as livekit,
        open_room(livekit, stores, settings) as room,
    ):
        yield Meeting(settings, livekit, room, stores, BlobStore.from_settings(settings))
    stores.close()
