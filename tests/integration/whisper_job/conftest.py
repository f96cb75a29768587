"""A registered room with one recorded track on real servers, and the handler's ways in."""

import uuid
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from functions.whisper_job.job import Job
from parley.audio.ogg import decode, encode_opus
from parley.blobs import BlobStore, manifest_key, recording_key
from parley.domain.room import RoomOptions
from parley.domain.track import Recording
from parley.rooms.completion import finalize_room
from parley.rooms.tracks import publish_track
from parley.settings import Settings
from parley.storage import Stores
from parley.storage.database import Database
from parley.transcribe import WhisperTranscriber
from parley.transcribe.engine import Transcriber

SPEECH = Path(__file__).parents[2] / "data" / "two_sentences.ogg"
STARTED_MS = 1_790_000_000_000


@pytest.fixture(scope="session")
def whisper() -> WhisperTranscriber:
    return WhisperTranscriber.load("tiny.en", threads=1)


@dataclass
class World:
    """Stores, bucket and settings of one test."""

    settings: Settings
    stores: Stores
    blobs: BlobStore

    async def room(self, *, final: bool = True) -> str:
        """A room with nothing in it."""
        sid = f"RM_{uuid.uuid4().hex[:10]}"
        await self.stores.rooms.register(sid, "weekly", RoomOptions(), STARTED_MS - 5_000)
        return sid

    async def track(self, room: str, identity: str = "anna") -> str:
        """A published track."""
        sid = f"TR_{uuid.uuid4().hex[:10]}"
        await publish_track(
            self.stores,
            room_sid=room,
            track_sid=sid,
            identity=identity,
            name=identity.title(),
            published_ms=STARTED_MS,
        )
        return sid

    async def upload(self, room: str, track: str, body: bytes, **manifest: int) -> Recording:
        """A recording with its manifest."""
        recording = Recording(
            method="agent",
            key=recording_key(room, track),
            started_ms=STARTED_MS,
            ended_ms=STARTED_MS + 10_202,
            bytes=manifest.get("bytes", len(body)),
            samples=manifest.get("samples", 0),
        )
        await self.blobs.put(
            manifest_key(room, track), recording.model_dump_json().encode(), "application/json"
        )
        await self.blobs.put(recording.key, body, "audio/ogg")
        return recording

    async def finalize(self, room: str) -> None:
        await finalize_room(self.stores, self.blobs, room)

    def job(
        self, transcriber: Transcriber, *, remaining_ms: int = 900_000, part_seconds: float = 600.0
    ) -> Job:
        return Job(
            settings=self.settings,
            stores=self.stores,
            blobs=self.blobs,
            transcriber=lambda: transcriber,
            remaining_ms=lambda: remaining_ms,
            part_seconds=part_seconds,
        )


@pytest.fixture
async def world(database: Database, blobs: BlobStore) -> World:
    return World(Settings(whisper_threads=1), Stores.of(database), blobs)


@pytest.fixture(scope="session")
def speech() -> bytes:
    return SPEECH.read_bytes()


@pytest.fixture(scope="session")
def long_speech() -> bytes:
    """A minute: the two sentences four times, with pauses of two seconds."""
    once = decode(SPEECH, 24_000)
    pause = np.zeros(48_000, np.float32)
    return encode_opus(np.concatenate([once, pause] * 4), 24_000, 24_000)
