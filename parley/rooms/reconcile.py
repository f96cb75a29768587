"""The reconciler: compares LiveKit and the object store with the database, and repairs.

Webhooks, notifications and packets are hints that may be lost; this is the truth. It runs every
minute, may run twice at once, and each room's trouble is its own.
"""

from collections import Counter
from collections.abc import Awaitable
from dataclasses import dataclass, field

from parley.blobs import BlobStore, manifest_key, recording_key
from parley.clock import Clock, wall_clock_ms
from parley.domain.room import Room, RoomStatus
from parley.domain.track import Recording, Track, TrackStatus
from parley.errors import BlobNotFoundError, LiveKitUnavailableError, ParleyError
from parley.livekit_api import LiveKit, LiveParticipant
from parley.outbound.announcer import Announcer
from parley.queue.requeue import Requeue
from parley.rooms.completion import (
    check_and_complete_room,
    finalize_room,
    finish_track,
    put_timeline,
)
from parley.rooms.egress import mend_egress, move_file, rescue_egress
from parley.rooms.erase import erase_objects, erase_room
from parley.rooms.events import NOT_RECORDED
from parley.rooms.recording import recording_method
from parley.rooms.registry import sweep_room
from parley.rooms.repair import (
    Limits,
    RoomRepair,
    TrackRepair,
    active_room,
    needs_summary,
    pending_track,
)
from parley.settings import Settings
from parley.storage import Stores
from parley.telemetry.logs import get_logger

log = get_logger("reconcile")
NO_RECORDING = "no recording arrived"
# Fresh news may reach the store before LiveKit's lists show it.
_SETTLING_MS = 10_000
_EVENT_MEMORY_MS = 86_400_000


@dataclass
class Report:
    """What one run did: how often each repair, and how many rooms had trouble."""

    seen: set[str] = field(default_factory=set)
    repairs: Counter[str] = field(default_factory=Counter)
    failed: int = 0

    @property
    def rooms(self) -> int:
        """How many rooms were looked at."""
        return len(self.seen)


@dataclass(frozen=True)
class Reconciler:
    """What a run works with."""

    settings: Settings
    stores: Stores
    blobs: BlobStore
    livekit: LiveKit
    requeue: Requeue
    clock: Clock = wall_clock_ms

    async def once(self) -> Report:
        """One run over all rooms that are not done."""
        report = Report()
        open_sids = await self._open_rooms(report)
        for status in (RoomStatus.ACTIVE, RoomStatus.FINAL_ROOM):
            async for room in self.stores.rooms.scan(status=status):
                await self._guarded(report, room, self._unfinished(report, room, open_sids))
        waiting = {"summary.status": {"$in": ["none", "requested"]}}
        async for room in self.stores.rooms.scan(status=RoomStatus.COMPLETED, query=waiting):
            await self._guarded(report, room, self._summarise(report, room))
        await self._forget(report)
        if told := await Announcer.from_settings(
            self.settings, self.stores, self.clock
        ).announce_all():
            report.repairs["events-told"] += told
        log.info("reconciled", rooms=report.rooms, failed=report.failed, **report.repairs)
        return report

    async def _guarded(self, report: Report, room: Room, work: Awaitable[None]) -> None:
        report.seen.add(room.id)
        try:
            await work
        except ParleyError as error:
            report.failed += 1
            log.warning("room left for the next run", room_sid=room.id, reason=error.code)

    async def _open_rooms(self, report: Report) -> frozenset[str] | None:
        """Sids of the rooms that are open, or None while LiveKit cannot be asked."""
        try:
            return frozenset(room.sid for room in await self.livekit.list_rooms())
        except LiveKitUnavailableError:
            report.failed += 1
            log.warning("LiveKit cannot be asked; only what it does not know is repaired")
            return None

    # --- rooms that are not done ------------------------------------------------

    async def _unfinished(
        self, report: Report, room: Room, open_sids: frozenset[str] | None
    ) -> None:
        if open_sids is not None:
            people = await self._in_room(report, room) if room.id in open_sids else None
            if room.status is RoomStatus.ACTIVE:
                await self._active(report, room, people)
        room = await self.stores.rooms.get(room.id)
        await self._pending(report, room)
        if await check_and_complete_room(self.stores, self.blobs, room.id, self.clock):
            report.repairs["completed"] += 1

    async def _in_room(self, report: Report, room: Room) -> list[LiveParticipant]:
        """Who is in an open room; takes in what they publish and notes what they no longer do."""
        known = await self.stores.tracks.get_many(room.pending_tracks)
        everybody = await self.livekit.list_participants(room.name)
        people = [p for p in everybody if not p.agent]
        if room.status is RoomStatus.ACTIVE:
            await sweep_room(self.stores, self.livekit, room, self.clock)
            await self._begin_recording(report, room)
            await self._send_agent(report, room, people)
        published = {track.sid for somebody in everybody for track in somebody.audio_tracks}
        now_ms = self.clock()
        for track in known:
            settled = now_ms - track.published_ms >= _SETTLING_MS
            if track.unpublished_ms is None and track.id not in published and settled:
                report.repairs["unpublished"] += 1
                await self.stores.tracks.unpublish(track.id, now_ms)
        return people

    async def _begin_recording(self, report: Report, room: Room) -> None:
        if room.options.record == "egress":
            room = await self.stores.rooms.get(room.id)  # with what the sweep has found
            method = recording_method(room, self.stores, self.livekit, self.clock)
            if begun := await method.begin(room):
                report.repairs["egress-begun"] += begun

    async def _send_agent(self, report: Report, room: Room, people: list[LiveParticipant]) -> None:
        name = self.settings.agent_name
        if people and not await self.livekit.agent_at_work(room.name, name, self.clock()):
            report.repairs["agent-sent"] += 1
            await self.livekit.dispatch_agent(room.name, name)

    async def _active(
        self, report: Report, room: Room, people: list[LiveParticipant] | None
    ) -> None:
        now_ms = self.clock()
        count = None if people is None else len(people)
        repair = active_room(room, count, now_ms, Limits.from_settings(self.settings))
        match repair:
            case RoomRepair.NOTE_EMPTY:
                await self.stores.rooms.note_empty_since(room.id, now_ms)
            case RoomRepair.NOTE_PEOPLE:
                await self.stores.rooms.note_empty_since(room.id, None)
            case RoomRepair.NOTE_ENDED:
                await self.stores.rooms.note_ended(room.id, now_ms)
            case RoomRepair.FINALIZE:
                report.repairs["finalized"] += 1
                await finalize_room(self.stores, self.blobs, room.id, self.clock)
            case RoomRepair.NOTHING:
                return

    # --- tracks that their room waits for ---------------------------------------

    async def _pending(self, report: Report, room: Room) -> None:
        if room.options.record == "egress":
            mended = await mend_egress(self.stores, self.blobs, self.livekit, room, self.clock)
            if mended:
                report.repairs["egress-mended"] += mended
        tracks = {t.id: t for t in await self.stores.tracks.get_many(room.pending_tracks)}
        for sid in room.pending_tracks:
            track = tracks.get(sid) or await self._recovered(room, sid)
            if track is not None:
                await self._repair(report, room, track)

    async def _recovered(self, room: Room, sid: str) -> Track | None:
        """A track whose publisher died before its document was written.

        While the room is active the sweep writes it properly; afterwards nobody knows whose it was.
        """
        if room.status is RoomStatus.ACTIVE:
            return None
        track = Track(
            id=sid, room_sid=room.id, identity="unknown", unpublished_ms=room.finalized_ms
        )
        await self.stores.tracks.publish(track)
        return await self.stores.tracks.get(sid)

    async def _repair(self, report: Report, room: Room, track: Track) -> None:
        repair = pending_track(track, room, self.clock(), Limits.from_settings(self.settings))
        match repair:
            case TrackRepair.NOTHING:
                return
            case TrackRepair.SETTLE:
                await self._finish(track, track.status, track.error)
            case TrackRepair.FINISH_UNRECORDED:
                await self._finish(track, TrackStatus.EMPTY, NOT_RECORDED)
            case TrackRepair.LOOK_FOR_RECORDING | TrackRepair.GIVE_UP:
                found = await self._recording(room.id, track.id)
                if found is not None:
                    await self.stores.tracks.set_recorded(track.id, found)
                    await self._queue_again(track, found.key)
                elif repair is TrackRepair.GIVE_UP:
                    if await rescue_egress(self.stores, self.blobs, track):
                        report.repairs["egress-rescued"] += 1
                        return
                    await self._finish(track, TrackStatus.FAILED, NO_RECORDING)
                else:
                    return
            case TrackRepair.REQUEUE:
                if track.recording and track.recording.method == "egress":
                    await move_file(self.blobs, track)  # whoever delivered it may have died
                key = track.recording.key if track.recording else None
                await self._queue_again(track, key or recording_key(room.id, track.id))
        report.repairs[repair.value] += 1

    async def _finish(self, track: Track, status: TrackStatus, error: str | None) -> None:
        await finish_track(self.stores, self.blobs, track.id, status, error=error, clock=self.clock)

    async def _recording(self, room_sid: str, track_sid: str) -> Recording | None:
        """The manifest of a recording that is there whole (the audio is written last)."""
        if await self.blobs.size(recording_key(room_sid, track_sid)) is None:
            return None
        try:
            body = await self.blobs.get(manifest_key(room_sid, track_sid))
            return Recording.model_validate_json(body)
        except (BlobNotFoundError, ValueError):
            return None

    async def _queue_again(self, track: Track, key: str) -> None:
        await self.requeue.recording(self.blobs.bucket, key)
        await self.stores.tracks.note_requeued(track.id, self.clock())

    # --- rooms that are done ----------------------------------------------------

    async def _summarise(self, report: Report, room: Room) -> None:
        if needs_summary(room, self.clock(), Limits.from_settings(self.settings)):
            report.repairs["timeline-put"] += 1
            await put_timeline(self.stores, self.blobs, room.id, self.clock)

    async def _forget(self, report: Report) -> None:
        """Old event ids, rooms past their retention, and what came late for erased ones."""
        now_ms = self.clock()
        await self.stores.events.forget_before(now_ms - _EVENT_MEMORY_MS)
        if self.settings.retention_days:
            before_ms = now_ms - self.settings.retention_days * 86_400_000
            old = {"completed_ms": {"$lt": before_ms}}
            async for room in self.stores.rooms.scan(status=RoomStatus.COMPLETED, query=old):
                report.repairs["erased"] += 1
                await self._guarded(
                    report,
                    room,
                    erase_room(self.stores, self.blobs, room.id, by="retention", clock=self.clock),
                )
        async for tombstone in self.stores.tombstones.since(now_ms - _EVENT_MEMORY_MS):
            report.repairs["late-objects"] += await erase_objects(self.blobs, tombstone.room_sid)
            await self.stores.deliveries.delete(tombstone.room_sid)
