"""Uploads finished recordings: manifest first, then the audio, then the track is told.

It runs on the process's main event loop. What a killed process left is finished at the next start.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any

from filelock import FileLock

from agent_fleet.frames import SAMPLE_RATE
from agent_fleet.part_spool import PartSpool
from agent_fleet.patience import patiently
from agent_fleet.recording_choice import RecordingChoice
from agent_fleet.recording_files import RecordedTrack, RecordingFiles, RecordingSpool
from agent_fleet.recording_merge import merge_parts
from agent_fleet.recording_parts import RecordingParts
from agent_fleet.registration import Registrar
from agent_fleet.speaker_track import SpeakerTrack
from parley.audio.ogg import decode_pieces
from parley.blobs import BlobStore, manifest_key, recording_key
from parley.clock import Clock, wall_clock_ms
from parley.domain.track import Recording, TrackStatus
from parley.errors import AudioError, NotFoundError, ParleyError
from parley.livekit_api import LiveKit
from parley.rooms.completion import finish_track
from parley.storage import Stores
from parley.telemetry.logs import get_logger

log = get_logger("uploader")


class RecordingUploader:
    """Brings recordings from the spool to the object store."""

    def __init__(
        self,
        stores: Stores,
        blobs: BlobStore,
        livekit: LiveKit,
        registrar: Registrar,
        spool: RecordingSpool,
        choice: RecordingChoice,
        part_spool: PartSpool,
        agent_name: str,
        part_wait_s: float = 60.0,
        clock: Clock = wall_clock_ms,
    ) -> None:
        """Upload from this spool; make it on the main event loop."""
        self._livekit = livekit
        self._agent_name = agent_name
        self._stores = stores
        self._blobs = blobs
        self._registrar = registrar
        self._spool = spool
        self._choice = choice
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self.parts = RecordingParts(
            stores, blobs, part_spool, wait_s=part_wait_s, start=self._start_from_any_thread
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self.uploaded = 0
        self.can_take_rooms = asyncio.Event()
        """Set once LiveKit can send rooms to this process."""

    @property
    def waiting(self) -> int:
        """How many recordings are on their way."""
        return len(self._tasks)

    def upload(self, files: RecordingFiles, lock: FileLock) -> None:
        """Upload a recording whose manifest is written and release it; from any thread."""
        self._loop.call_soon_threadsafe(lambda: self._start(self._upload(files, lock)))

    def finish_empty(self, track: SpeakerTrack, published_ms: int, reason: str) -> None:
        """End a track without a recording; from any thread."""
        self._loop.call_soon_threadsafe(
            lambda: self._start(self._finish_empty(track, published_ms, reason))
        )

    def recover(self) -> int:
        """Upload what killed processes left; returns how many recordings."""
        found = self.parts.recover()
        for files, lock in self._spool.left_over():
            self._start(self._recover(files, lock))
            found += 1
        return found

    async def drain(self, limit_s: float) -> None:
        """Wait until all are uploaded, at most so long; the rest stays spooled."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=limit_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start_from_any_thread(self, work: Coroutine[Any, Any, None]) -> None:
        self._loop.call_soon_threadsafe(lambda: self._start(work))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _recover(self, files: RecordingFiles, lock: FileLock) -> None:
        if await self._goes_on(files, lock):
            return
        try:
            if files.read_manifest() is None:
                track = files.read_track()
                recording = await asyncio.to_thread(_measure, files, track)
                if recording is None:
                    files.remove()
                    lock.release()
                    files.remove_lock()
                    await self._finish_empty(_speaker(track), track.started_ms, "no audio arrived")
                    return
                files.write_manifest(recording)
        except (OSError, ValueError) as error:
            log.error(
                "left-over recording unusable",
                track_sid=files.track_sid,
                reason=type(error).__name__,
            )
            lock.release()
            return
        await self._upload(files, lock)

    async def _goes_on(self, files: RecordingFiles, lock: FileLock) -> bool:
        """Make a part of it where the track is still live, or other agents recorded it later.

        Uploading it now would start the transcription of half a track. The room may have lost its
        only agent with the killed process, so one is asked for.
        """
        try:
            track = files.read_track()
        except (OSError, ValueError):
            return False
        if track.kind == "assistant":
            return False  # its publisher is the agent that was killed, whatever LiveKit still shows
        live = await self._published(track) and not await self._is_final(track.room_sid)
        if not live and await self.parts.is_last(track):
            return False
        self.parts.let_go(files, lock)
        if live:
            log.info("left-over track is still live", track_sid=track.track_sid)
            # LiveKit forgets a request that comes when no worker is there.
            await self.can_take_rooms.wait()
            await self._livekit.dispatch_agent(track.room_name, self._agent_name)
        return True

    async def _is_final(self, room_sid: str) -> bool:
        try:
            return await self._registrar.is_final(room_sid)
        except NotFoundError:
            return True

    async def _published(self, track: RecordedTrack) -> bool:
        try:
            people = await self._livekit.list_participants(track.room_name)
        except ParleyError as error:
            log.warning("can't see who is there", reason=error.code)
            return False
        return any(t.sid == track.track_sid for person in people for t in person.audio_tracks)

    async def _upload(self, files: RecordingFiles, lock: FileLock) -> None:
        try:
            track = files.read_track()
            recording = files.read_manifest()
            assert recording is not None
            fetched: list[str] = []
            async for attempt in patiently():
                with attempt:
                    await self.parts.collect(files, track, fetched)
            if files.earlier:
                recording = await asyncio.to_thread(merge_parts, files, recording)
                files.write_manifest(recording)
            await self._registrar.publish_track(_speaker(track), track.started_ms)
            sid = track.track_sid
            if await self._choice.is_ours(track.room_sid, sid, recording.ended_ms):
                await self._put(files, track, recording)
                self.uploaded += 1
                log.info("recording stored", room_sid=track.room_sid, track_sid=sid)
            else:
                log.info("recording not needed", room_sid=track.room_sid, track_sid=sid)
            await self.parts.discard(fetched)
            files.remove()
        except ParleyError as error:
            log.error("recording not stored", track_sid=files.track_sid, reason=error.code)
        finally:
            lock.release()
            if not files.track.exists():
                files.remove_lock()

    async def _put(self, files: RecordingFiles, track: RecordedTrack, recording: Recording) -> None:
        room, sid = track.room_sid, track.track_sid
        async for attempt in patiently(0.5, 30.0):
            with attempt:
                # The audio's creation starts its transcription, which reads the manifest and
                # the track: both are there before it.
                await self._blobs.put(
                    manifest_key(room, sid),
                    recording.model_dump_json().encode(),
                    "application/json",
                )
                await self._stores.tracks.unpublish(sid, recording.ended_ms)
                await self._stores.tracks.set_recorded(sid, recording)
                await self._blobs.put_file(recording_key(room, sid), files.audio, "audio/ogg")

    async def _finish_empty(self, track: SpeakerTrack, published_ms: int, reason: str) -> None:
        await self._registrar.publish_track(track, published_ms)
        if not await self._choice.is_ours(track.room_sid, track.track_sid, self._clock()):
            return
        async for attempt in patiently(0.5, 30.0):
            with attempt:
                await finish_track(
                    self._stores, self._blobs, track.track_sid, TrackStatus.EMPTY, error=reason
                )


def _speaker(track: RecordedTrack) -> SpeakerTrack:
    return SpeakerTrack(
        room_sid=track.room_sid,
        room_name=track.room_name,
        track_sid=track.track_sid,
        identity=track.identity,
        name=track.name,
        language=track.language or "",
        kind=track.kind,
    )


def _measure(files: RecordingFiles, track: RecordedTrack) -> Recording | None:
    """What a file that was cut off holds; None when that is nothing."""
    samples = 0
    try:
        for piece in decode_pieces(files.audio, SAMPLE_RATE):
            samples += len(piece)
    except (AudioError, OSError):
        pass  # cut off in the middle of a page: what came before it counts
    if samples == 0:
        return None
    return Recording(
        method="agent",
        key=recording_key(track.room_sid, track.track_sid),
        started_ms=track.started_ms,
        ended_ms=track.started_ms + samples * 1000 // SAMPLE_RATE,
        bytes=files.audio.stat().st_size,
        samples=samples * 48_000 // SAMPLE_RATE,
        gaps=track.gaps,
    )
