"""Carries spooled segments to the database, in order, for as long as that takes.

It runs on the process's main event loop; speakers hand segments over from the loops of their
rooms. A database that is slow or gone delays the storing and nothing else.
"""

import asyncio
from collections.abc import Sequence

import stamina

from agent_fleet.segment_spool import SegmentFile, SegmentSpool
from parley.domain.segment import Segment, Version, segment_id
from parley.errors import ConflictError, NotFoundError, ParleyError
from parley.storage import SegmentWriter, Stores
from parley.telemetry.logs import get_logger

log = get_logger("storer")


class SegmentStorer:
    """Stores the live segments of all tracks of the process."""

    def __init__(self, stores: Stores, spool: SegmentSpool) -> None:
        """Store from this spool; make it on the main event loop."""
        self._stores = stores
        self._spool = spool
        self.loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self.stored = 0

    def open(self, room_sid: str, track_sid: str) -> "SegmentSink":
        """A sink for one track; from any thread.

        Raises:
            filelock.Timeout: another process stores this track.
        """
        sink = SegmentSink(self, self._spool.open(room_sid, track_sid))
        self.loop.call_soon_threadsafe(self._start, sink)
        return sink

    def recover(self) -> int:
        """Store what killed processes left; returns of how many tracks."""
        found = 0
        for file in self._spool.left_over():
            sink = SegmentSink(self, file)
            for segment in file.read():
                sink.add(segment)
            sink.end()
            self._start(sink)
            found += 1
        return found

    async def drain(self, limit_s: float) -> None:
        """Wait until everything is stored, at most so long; the rest stays spooled."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=limit_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def next_number(self, track_sid: str) -> int:
        """The number the next live segment of a track gets; 0 for a track not yet known."""
        track = await self._stores.tracks.find(track_sid)
        if track is None:
            return 0
        writer = await self._stores.chunks.writer(track.room_sid, track_sid, Version.LIVE)
        return writer.next_number

    async def last_end_ms(self, track_sid: str) -> int | None:
        """When the last stored live segment of a track ended; None when there is none."""
        track = await self._stores.tracks.find(track_sid)
        headers = track.headers(Version.LIVE) if track else []
        found = await self._stores.chunks.read_version(track_sid, Version.LIVE, headers[-1:])
        return max((s.end_ms for s in found), default=None)

    def _start(self, sink: "SegmentSink") -> None:
        task = self.loop.create_task(self._store_all(sink), name=f"store {sink.file.track_sid}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _store_all(self, sink: "SegmentSink") -> None:
        stored = False
        track = _TrackStorer(self._stores, sink.file.room_sid, sink.file.track_sid)
        try:
            while segments := await sink.take():
                await track.store(segments)
                sink.stored(len(segments))
                self.stored += len(segments)
            stored = True
        except ParleyError as error:
            # Not a matter of time: keep the file, a person can look and the next start tries.
            log.error("segments not stored", track_sid=sink.file.track_sid, reason=error.code)
        finally:
            sink.file.release(stored=stored)


class SegmentSink:
    """One track's segments on their way to the database."""

    def __init__(self, storer: SegmentStorer, file: SegmentFile) -> None:
        """Belong to this storer; `SegmentStorer.open` makes one."""
        self._storer = storer
        self.file = file
        self._segments: list[Segment] = []
        self._changed = asyncio.Event()
        self._ended = False
        self.waiting = 0

    def append(self, segment: Segment) -> None:
        """Spool a segment and have it stored; from one thread, returns at once."""
        self.file.append(segment)
        self.waiting += 1
        self._storer.loop.call_soon_threadsafe(self.add, segment)

    def close(self) -> None:
        """No more segments come; from the thread that appends."""
        self._storer.loop.call_soon_threadsafe(self.end)

    def add(self, segment: Segment) -> None:
        """On the main loop: a segment to be stored that is spooled already."""
        self._segments.append(segment)
        self._changed.set()

    def end(self) -> None:
        """On the main loop: no more segments come."""
        self._ended = True
        self._changed.set()

    def stored(self, count: int) -> None:
        """On the main loop: so many of those taken are stored."""
        self.waiting = max(0, self.waiting - count)

    async def take(self) -> list[Segment]:
        """On the main loop: all that wait, at least one; empty at the end."""
        while not self._segments and not self._ended:
            await self._changed.wait()
            self._changed.clear()
        segments, self._segments = self._segments, []
        return segments


class _TrackStorer:
    """Appends one track's segments exactly once, whoever else wrote to the track before."""

    def __init__(self, stores: Stores, room_sid: str, track_sid: str) -> None:
        self._stores = stores
        self._room_sid = room_sid
        self._track_sid = track_sid
        self._writer: SegmentWriter | None = None
        self._known: list[Segment] = []

    async def store(self, segments: Sequence[Segment]) -> None:
        numbered: list[Segment] | None = None
        async for attempt in stamina.retry_context(
            on=_worth_waiting, attempts=None, timeout=None, wait_initial=0.2, wait_max=10.0
        ):
            with attempt:
                if self._writer is None:
                    self._writer = await self._take_over()
                    numbered = None
                if numbered is None:
                    numbered = self._number(self._fresh(segments), self._writer.next_number)
                try:
                    await self._writer.append(numbered)
                except ConflictError:
                    self._writer = None
                    raise

    async def _take_over(self) -> SegmentWriter:
        """A writer that goes on after what is stored."""
        chunks = self._stores.chunks
        writer = await chunks.writer(self._room_sid, self._track_sid, Version.LIVE)
        self._known = []
        if writer.next_number:
            track = await self._stores.tracks.get(self._track_sid)
            headers = track.headers(Version.LIVE)
            self._known = await chunks.read_version(self._track_sid, Version.LIVE, headers)
        return writer

    def _fresh(self, segments: Sequence[Segment]) -> list[Segment]:
        """The segments that were not stored before, by us or by another agent."""
        fresh = [s for s in segments if not any(_same_utterance(s, k) for k in self._known)]
        if len(fresh) < len(segments):
            known = len(segments) - len(fresh)
            log.info("segments are stored already", track_sid=self._track_sid, count=known)
        return fresh

    def _number(self, segments: Sequence[Segment], first: int) -> list[Segment]:
        return [
            s.model_copy(update={"id": segment_id(self._track_sid, Version.LIVE, number)})
            for number, s in enumerate(segments, first)
        ]


def _same_utterance(one: Segment, other: Segment) -> bool:
    """Whether two segments of a track are one utterance, heard by two agents or stored before.

    Nobody says two things at once: what covers more than half of the other is the same.
    """
    common = min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms)
    shorter = min(one.end_ms - one.start_ms, other.end_ms - other.start_ms)
    return common * 2 > shorter or (one.start_ms, one.end_ms) == (other.start_ms, other.end_ms)


def _worth_waiting(error: Exception) -> bool:
    # NotFound: the track's own registration waits for the same database.
    return isinstance(error, (ConflictError, NotFoundError)) or (
        isinstance(error, ParleyError) and error.retryable
    )
