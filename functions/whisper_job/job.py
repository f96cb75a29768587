"""One recording to its final transcript: claim the track, transcribe in parts, finish the track."""

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from functions.whisper_job.lease import hold_lease
from functions.whisper_job.recording import fetch_recording, read_manifest
from functions.whisper_job.spoken import keep_as_spoken
from functions.whisper_job.transcript import TranscriptRun
from parley.blobs import BlobStore
from parley.blobs.keys import RecordingName
from parley.clock import Clock, wall_clock_ms
from parley.domain.track import Track, TrackStatus
from parley.errors import (
    BadInputError,
    BlobUnavailableError,
    ParleyError,
    StorageUnavailableError,
)
from parley.rooms.completion import finish_track
from parley.settings import Settings
from parley.storage import Stores
from parley.telemetry.lambda_run import count
from parley.telemetry.logs import get_logger
from parley.transcribe.engine import Transcriber
from parley.transcribe.parts import PART_SECONDS

log = get_logger("whisper_job")

_NOT_OURS = (StorageUnavailableError, BlobUnavailableError)


class Outcome(StrEnum):
    """What became of a recording in one invocation."""

    DONE = "done"
    IGNORED = "ignored"
    UNFINISHED = "unfinished"


class TrackNotReadyError(ParleyError):
    """The track is not known yet, or somebody else is transcribing it; trying later helps."""

    retryable = True
    code = "track-not-ready"


@dataclass(frozen=True)
class Job:
    """What transcribing a recording needs.

    Attributes:
        settings: attempts, lease.
        stores: the database.
        blobs: the object store.
        transcriber: gives the loaded model; called only when there is something to transcribe.
        remaining_ms: milliseconds that this invocation still has.
        part_seconds: longest part that is transcribed at once.
        clock: the time.
    """

    settings: Settings
    stores: Stores
    blobs: BlobStore
    transcriber: Callable[[], Transcriber]
    remaining_ms: Callable[[], int]
    part_seconds: float = PART_SECONDS
    clock: Clock = wall_clock_ms

    async def run(self, name: RecordingName, *, owner: str) -> Outcome:
        """Transcribe a track's recording and finish the track.

        A recording that cannot be used finishes its track as `failed` with the reason. Any other
        failure is retried until the track has had `job_attempts` attempts.

        Args:
            name: the room and the track.
            owner: who asks: the same message keeps its lease over a restart.

        Returns:
            `IGNORED` when the room is not registered; `UNFINISHED` when the invocation's time ran
            out between two parts of a long recording.

        Raises:
            TrackNotReadyError: the track is not known yet or is leased by somebody else.
            ParleyError: this attempt failed; the message should be delivered again.
        """
        track = await self._find(name)
        if track is None:
            return Outcome.IGNORED
        if track.status.final:
            # An earlier run may have died between the track's end and the room's.
            await finish_track(self.stores, self.blobs, track.id, track.status, clock=self.clock)
            return Outcome.DONE
        lease_ms = self.settings.lease_seconds * 1000
        claimed = await self.stores.tracks.claim(track.id, owner, self.clock(), lease_ms)
        if claimed is None:
            raise TrackNotReadyError(f"track {track.id} is being transcribed by somebody else")
        async with hold_lease(self.stores.tracks, track.id, owner, lease_ms, self.clock):
            return await self._attempt(claimed, owner)

    async def _find(self, name: RecordingName) -> Track | None:
        track = await self.stores.tracks.find(name.track_sid)
        if track is not None and track.room_sid == name.room_sid:
            return track
        if track is None and await self.stores.rooms.find(name.room_sid):
            raise TrackNotReadyError(f"track {name.track_sid} is not known yet")
        log.info("recording of an unknown room ignored", room_sid=name.room_sid)
        return None

    async def _attempt(self, track: Track, owner: str) -> Outcome:
        if track.attempts > self.settings.job_attempts:
            # Earlier attempts ended without a word: the process was killed each time.
            reason = track.error or "the transcriber did not survive the recording"
            await self._finish(track, owner, TrackStatus.FAILED, reason)
            return Outcome.DONE
        try:
            segments = await self._transcribe(track, owner)
        except BadInputError as error:
            await self._finish(track, owner, TrackStatus.FAILED, str(error))
            return Outcome.DONE
        except _NOT_OURS as error:
            await self._release(track, owner, str(error), count_attempt=False)
            raise
        except Exception as error:
            await self._failed(track, owner, error)
            raise
        if segments is None:
            await self._release(track, owner, None, count_attempt=False)
            return Outcome.UNFINISHED
        if segments:
            await self._finish(track, owner, TrackStatus.TRANSCRIBED)
        else:
            reason = "no speech was found in the recording"
            await self._finish(track, owner, TrackStatus.EMPTY, reason)
        return Outcome.DONE

    async def _transcribe(self, track: Track, owner: str) -> int | None:
        """The number of segments, or None when the time ran out before the end."""
        if track.kind == "assistant":
            return await keep_as_spoken(self.stores, track)
        recording = track.recording
        if recording is None:
            recording = await read_manifest(self.blobs, track.room_sid, track.id)
            await self.stores.tracks.attach_recording(track.id, recording)
        with tempfile.TemporaryDirectory(prefix="parley-") as folder:
            path = await fetch_recording(self.blobs, recording, Path(folder))
            run = TranscriptRun(
                stores=self.stores,
                transcriber=await asyncio.to_thread(self.transcriber),
                track=track,
                recording=recording,
                owner=owner,
                remaining_ms=self.remaining_ms,
                part_seconds=self.part_seconds,
            )
            return await run.go_on(path)

    async def _failed(self, track: Track, owner: str, error: Exception) -> None:
        known = isinstance(error, ParleyError)
        reason = str(error) if known else f"unexpected {type(error).__name__}"
        if track.attempts >= self.settings.job_attempts:
            await self._finish(track, owner, TrackStatus.FAILED, reason)
        else:
            await self._release(track, owner, reason, count_attempt=True)

    async def _finish(
        self, track: Track, owner: str, status: TrackStatus, error: str | None = None
    ) -> None:
        set_now = await finish_track(
            self.stores, self.blobs, track.id, status, error=error, owner=owner, clock=self.clock
        )
        if set_now:
            count(f"Tracks{status.value.title()}")
        log.info(
            "track finished" if set_now else "track was finished by somebody else",
            track_sid=track.id,
            room_sid=track.room_sid,
            status=status.value,
            reason=error,
        )

    async def _release(
        self, track: Track, owner: str, error: str | None, *, count_attempt: bool
    ) -> None:
        await self.stores.tracks.release(track.id, owner, error, count_attempt=count_attempt)
