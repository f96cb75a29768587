"""Puts the parts together that several agents made of one track's recording.

An agent that lets go of a track, or finds the recording of one that was killed, uploads it as a
part. The agent that hears the track's end fetches all parts and stores one recording.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from filelock import FileLock

from agent_fleet.part_spool import PartSpool, RecordingPart
from agent_fleet.patience import patiently
from agent_fleet.recording_files import RecordedTrack, RecordingFiles
from agent_fleet.recording_merge import merge_parts
from parley.blobs import BlobStore, manifest_key, recording_key
from parley.blobs.part_keys import part_key, parts_prefix
from parley.domain.track import Recording
from parley.errors import BlobNotFoundError
from parley.storage import Stores
from parley.telemetry.logs import get_logger

log = get_logger("parts")

_LOOK_AGAIN_S = 0.5


class RecordingParts:
    """Uploads and collects parts; on the process's main event loop."""

    def __init__(
        self,
        stores: Stores,
        blobs: BlobStore,
        spool: PartSpool,
        *,
        wait_s: float,
        start: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        """Work with this spool.

        Args:
            stores: the database.
            blobs: the object store.
            spool: where parts lie on this machine.
            wait_s: how long a part is waited for that its agent has not uploaded.
            start: runs a task that the process waits for at its end.
        """
        self._stores = stores
        self._blobs = blobs
        self._spool = spool
        self._wait_s = wait_s
        self._start = start

    async def note(self, track_sid: str, started_ms: int) -> None:
        """Note that a part is being made, so that whoever puts them together waits for it."""
        async for attempt in patiently():
            with attempt:
                await self._stores.tracks.note_part(track_sid, started_ms)

    def let_go(self, files: RecordingFiles, lock: FileLock) -> None:
        """Make a part of a recording, release it, and upload it; from any thread.

        The lock's file stays: another agent on this machine may wait for it.
        """
        try:
            part = self._spool.take(files)
        finally:
            lock.release()
        self._start(self._send(part))

    def recover(self) -> int:
        """Upload the parts that killed processes left; returns how many."""
        parts = list(self._spool.left_over())
        for part in parts:
            self._start(self._send(part))
        return len(parts)

    async def is_last(self, track: RecordedTrack) -> bool:
        """Whether no agent began to record a track after this one; waits for the database."""
        async for attempt in patiently():
            with attempt:
                found = await self._stores.tracks.find(track.track_sid)
                noted = found.parts if found else ()
                return all(started_ms <= track.started_ms for started_ms in noted)
        raise AssertionError("unreachable")

    async def collect(
        self, files: RecordingFiles, track: RecordedTrack, fetched: list[str]
    ) -> None:
        """Fetch the other parts of a track beside its last one, where `merge_parts` finds them.

        Repeatable, where a store is away.

        Args:
            files: the last part.
            track: whose.
            fetched: gets the keys of the parts, to be deleted when their recording is stored.
        """
        sid = track.track_sid
        found = await self._stores.tracks.find(sid)
        here = {path.name for path in files.earlier}
        wanted = {
            started_ms
            for started_ms in (found.parts if found else ())
            if started_ms != track.started_ms and _name(sid, started_ms) not in here
        }
        await self._fetch_stored(files, track, found.recording if found else None)
        deadline = time.monotonic() + self._wait_s
        while wanted:
            for started_ms in sorted(wanted):
                key = part_key(track.room_sid, sid, started_ms)
                try:
                    await self._blobs.get_file(key, files.folder / _name(sid, started_ms))
                except BlobNotFoundError:
                    continue
                wanted.discard(started_ms)
                fetched.append(key)
            if not wanted:
                break
            if time.monotonic() > deadline:
                log.warning("part of a recording is missing", track_sid=sid, parts=len(wanted))
                break
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _fetch_stored(
        self, files: RecordingFiles, track: RecordedTrack, stored: Recording | None
    ) -> None:
        """A track that went on after its agent had to stop has a recording already: keep it."""
        if stored is None or stored.started_ms == track.started_ms or stored.method != "agent":
            return
        path = files.folder / _name(track.track_sid, stored.started_ms)
        with contextlib.suppress(BlobNotFoundError):
            await self._blobs.get_file(recording_key(track.room_sid, track.track_sid), path)

    async def discard(self, keys: list[str]) -> None:
        """The recording is stored: delete its parts."""
        await self._blobs.delete(keys)

    async def _send(self, part: RecordingPart) -> None:
        track = part.track
        await self.note(track.track_sid, track.started_ms)
        key = part_key(track.room_sid, track.track_sid, track.started_ms)
        async for attempt in patiently():
            with attempt:
                await self._blobs.put_file(key, part.audio, "audio/ogg")
                found = await self._stores.tracks.find(track.track_sid)
                if found is not None and found.recording is not None:
                    await self._add_late(part, key)
        part.remove()
        log.info("part of a recording stored", track_sid=track.track_sid)

    async def _add_late(self, part: RecordingPart, key: str) -> None:
        """The recording was put together without this part: put it in."""
        room, sid = part.track.room_sid, part.track.track_sid
        if key not in await self._blobs.list_keys(parts_prefix(room, sid)):
            return  # fetched and deleted meanwhile
        with tempfile.TemporaryDirectory(dir=part.audio.parent) as folder:
            files = RecordingFiles(Path(folder), sid)
            last = Recording.model_validate_json(await self._blobs.get(manifest_key(room, sid)))
            await self._blobs.get_file(recording_key(room, sid), files.audio)
            await self._blobs.get_file(key, files.folder / _name(sid, part.track.started_ms))
            whole = await asyncio.to_thread(merge_parts, files, last)
            await self._blobs.put(
                manifest_key(room, sid), whole.model_dump_json().encode(), "application/json"
            )
            await self._blobs.put_file(recording_key(room, sid), files.audio, "audio/ogg")
        await self._blobs.delete([key])
        log.info("late part put into its recording", track_sid=sid)


def _name(track_sid: str, started_ms: int) -> str:
    return f"{track_sid}.part-{started_ms}.ogg"
