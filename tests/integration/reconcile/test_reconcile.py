"""The reconciler on real servers: whatever was lost, the record ends as it should."""

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from parley.blobs import BlobStore, manifest_key, recording_key, timeline_key
from parley.clock import wall_clock_ms
from parley.domain.room import RoomOptions, RoomStatus
from parley.domain.segment import Version
from parley.domain.track import Recording, Track, TrackStatus
from parley.errors import NotFoundError
from parley.livekit_api import LiveKit
from parley.queue.handback import QueueUnavailableError
from parley.rooms.completion import finalize_room, finish_track
from parley.rooms.erase import erase_room
from parley.rooms.reconcile import NO_RECORDING, Reconciler
from parley.rooms.tracks import publish_track
from parley.settings import Settings
from parley.storage import Stores
from tests.integration.storage.transcript_rooms import utterance
from tests.integration.webhook.speaking import in_room, track_sids, until

MINUTE = 60_000


@dataclass
class Queued:
    """A queue that keeps what is put into it, or is away."""

    keys: list[str] = field(default_factory=list)
    away: bool = False

    async def recording(self, bucket: str, key: str) -> None:
        if self.away:
            raise QueueUnavailableError("away")
        self.keys.append(key)


class World:
    """The servers, a queue, and a clock that can be moved on."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.stores, self.blobs = Stores.from_settings(settings), BlobStore.from_settings(settings)
        self.livekit, self.queue = LiveKit.from_settings(settings), Queued()
        self.ahead_ms = 0

    def clock(self) -> int:
        return wall_clock_ms() + self.ahead_ms

    async def reconcile(self, *, after_ms: int = 0) -> dict[str, int]:
        self.ahead_ms += after_ms
        report = await Reconciler(
            self.settings, self.stores, self.blobs, self.livekit, self.queue, self.clock
        ).once()
        assert report.failed == 0 or self.queue.away
        return dict(report.repairs)

    async def register(self, *, record: str = "agent") -> str:
        """A room that the database knows and LiveKit no longer has."""
        sid = f"RM_{uuid.uuid4().hex[:10]}"
        options = RoomOptions.model_validate({"record": record})
        await self.stores.rooms.register(sid, f"name-{sid}", options, self.clock())
        return sid

    async def publish(self, room_sid: str) -> str:
        sid = f"TR_{uuid.uuid4().hex[:10]}"
        assert await publish_track(
            self.stores,
            room_sid=room_sid,
            track_sid=sid,
            identity="ann",
            name="Ann",
            published_ms=self.clock(),
        )
        return sid

    async def upload(self, room_sid: str, track_sid: str) -> Recording:
        recording = Recording(
            method="agent",
            key=recording_key(room_sid, track_sid),
            started_ms=self.clock() - 1000,
            ended_ms=self.clock(),
        )
        manifest = recording.model_dump_json().encode()
        await self.blobs.put(manifest_key(room_sid, track_sid), manifest, "application/json")
        await self.blobs.put(recording.key, b"OggS", "audio/ogg")
        return recording

    async def status(self, track_sid: str) -> TrackStatus:
        return (await self.stores.tracks.get(track_sid)).status


@pytest.fixture
async def world(server_settings: Settings) -> AsyncIterator[World]:
    world = World(server_settings)
    yield world
    await world.livekit.aclose()
    world.stores.close()


async def test_a_room_that_livekit_no_longer_has_is_finalised_after_the_grace(
    world: World,
) -> None:
    sid = await world.register()
    assert await world.reconcile() == {}
    assert (await world.stores.rooms.get(sid)).status is RoomStatus.ACTIVE
    assert await world.reconcile(after_ms=5_000) == {"finalized": 1}
    assert (await world.stores.rooms.get(sid)).status is RoomStatus.COMPLETED
    assert await world.blobs.size(timeline_key(sid))


async def test_an_empty_room_is_finalised_after_some_minutes_and_a_visited_one_is_not(
    world: World,
) -> None:
    names = [f"room-{uuid.uuid4().hex[:8]}" for _ in range(2)]
    sids = []
    for name in names:
        live = await world.livekit.create_room(name)
        await world.stores.rooms.register(live.sid, name, RoomOptions(), world.clock())
        sids.append(live.sid)
    async with in_room(world.settings, names[0], "ann", publish=False):
        await world.reconcile()
        await world.reconcile(after_ms=6 * MINUTE)
        statuses = [(await world.stores.rooms.get(sid)).status for sid in sids]
        assert statuses == [RoomStatus.ACTIVE, RoomStatus.COMPLETED]
    for name in names:
        await world.livekit.delete_room(name)


async def test_what_webhooks_did_not_tell_of_is_found(world: World) -> None:
    name = f"room-{uuid.uuid4().hex[:8]}"
    live = await world.livekit.create_room(name)
    await world.stores.rooms.register(live.sid, name, RoomOptions(), world.clock())
    async with in_room(world.settings, name, "ann") as ann:
        [track] = track_sids(ann)

        async def listed() -> bool:
            people = await world.livekit.list_participants(name)
            return any(p.audio_tracks for p in people)

        await until(listed)
        repairs = await world.reconcile()
        assert repairs == {"agent-sent": 1}
        assert await world.livekit.agent_at_work(name, "parley", world.clock())
        assert (await world.stores.rooms.get(live.sid)).pending_tracks == (track,)
        assert await world.reconcile() == {}, "the agent is sent once"
        repairs = await world.reconcile(after_ms=20_000)
        assert repairs == {"agent-sent": 1}, "nobody took it: LiveKit has forgotten it"

    async def gone() -> bool:
        return not await world.livekit.list_participants(name)

    await until(gone)
    assert (await world.reconcile(after_ms=MINUTE))["unpublished"] == 1
    assert (await world.stores.tracks.get(track)).unpublished_ms is not None
    await world.livekit.delete_room(name)


async def test_a_track_whose_recording_never_came_fails_with_the_reason(world: World) -> None:
    sid = await world.register()
    track = await world.publish(sid)
    await world.reconcile()
    await world.reconcile(after_ms=5 * MINUTE)
    assert await world.status(track) is TrackStatus.LIVE
    assert (await world.reconcile(after_ms=6 * MINUTE))["give-up"] == 1
    assert await world.status(track) is TrackStatus.FAILED
    assert (await world.stores.tracks.get(track)).error == NO_RECORDING
    assert (await world.stores.rooms.get(sid)).status is RoomStatus.COMPLETED


async def test_a_recording_that_nobody_told_of_is_queued(world: World) -> None:
    sid = await world.register()
    track = await world.publish(sid)
    recording = await world.upload(sid, track)
    await world.reconcile()
    await world.reconcile(after_ms=2 * MINUTE)
    assert world.queue.keys == [recording.key]
    assert (await world.stores.tracks.get(track)).recording == recording
    await world.reconcile(after_ms=MINUTE)
    assert world.queue.keys == [recording.key], "not again so soon"


async def test_a_recording_whose_transcriber_died_is_queued_again(world: World) -> None:
    sid = await world.register()
    track = await world.publish(sid)
    recording = await world.upload(sid, track)
    await world.stores.tracks.set_recorded(track, recording)
    lease_ms = 16 * MINUTE
    assert await world.stores.tracks.claim(track, "dead worker", world.clock(), lease_ms)
    await world.reconcile()
    await world.reconcile(after_ms=15 * MINUTE)
    assert world.queue.keys == []
    world.queue.away = True
    await world.reconcile(after_ms=2 * MINUTE)
    world.queue.away = False
    await world.reconcile()
    assert world.queue.keys == [recording.key]


async def test_a_track_that_was_linked_but_never_written_does_not_hold_its_room(
    world: World,
) -> None:
    sid = await world.register()
    await world.stores.rooms.link_track(sid, "TR_ghost", 0)
    await finalize_room(world.stores, world.blobs, sid, world.clock)
    await world.reconcile(after_ms=11 * MINUTE)
    assert await world.status("TR_ghost") is TrackStatus.FAILED
    assert (await world.stores.rooms.get(sid)).status is RoomStatus.COMPLETED


async def test_a_finisher_that_died_half_way_is_completed(world: World) -> None:
    sid = await world.register()
    track = await world.publish(sid)
    await finalize_room(world.stores, world.blobs, sid, world.clock)
    await world.stores.tracks.finish(track, TrackStatus.TRANSCRIBED)  # and no more
    assert (await world.reconcile())["settle"] == 1
    assert (await world.stores.rooms.get(sid)).status is RoomStatus.COMPLETED


async def test_a_timeline_of_which_no_summary_came_is_put_again(world: World) -> None:
    sid = await world.register()
    await world.stores.rooms.finalize(sid, world.clock())
    await world.stores.rooms.complete(sid, world.clock())  # and died before the timeline
    assert await world.reconcile() == {}
    assert (await world.reconcile(after_ms=6 * MINUTE)) == {"timeline-put": 1}
    assert await world.blobs.size(timeline_key(sid))
    assert await world.reconcile() == {}
    assert (await world.reconcile(after_ms=6 * MINUTE)) == {"timeline-put": 1}
    await world.stores.rooms.set_summary(sid, status="done")
    assert (await world.reconcile(after_ms=6 * MINUTE)) == {}


async def spoken_of(world: World) -> tuple[str, str]:
    """A completed room with one transcribed track."""
    sid = await world.register()
    track = await world.publish(sid)
    await world.upload(sid, track)
    said = [utterance(track, n, n * 1000, version=Version.FINAL) for n in range(250)]
    await world.stores.chunks.write_version(sid, track, Version.FINAL, said)
    await finish_track(world.stores, world.blobs, track, TrackStatus.TRANSCRIBED)
    await finalize_room(world.stores, world.blobs, sid, world.clock)
    await world.stores.rooms.set_summary(sid, status="done")
    return sid, track


async def left_of(world: World, sid: str, track: str) -> list[str]:
    found = [f"blob {key}" for key in await world.blobs.list_keys("") if sid in key]
    found += await world.stores.chunks.ids_of_room(sid)
    found += ["track"] if await world.stores.tracks.find(track) else []
    found += ["room"] if await world.stores.rooms.find(sid) else []
    return found


async def test_an_erased_room_leaves_a_tombstone_and_nothing_that_comes_late_stays(
    world: World,
) -> None:
    sid, track = await spoken_of(world)
    other, other_track = await spoken_of(world)
    before = await left_of(world, other, other_track)
    await erase_room(world.stores, world.blobs, sid, by="ann", clock=world.clock)
    assert await left_of(world, sid, track) == []
    tombstone = await world.stores.tombstones.find(sid)
    assert tombstone is not None
    assert tombstone.by == "ann"
    with pytest.raises(NotFoundError):
        await world.publish(sid)
    await world.upload(sid, track)  # a killed agent comes back with its spool
    await world.reconcile()
    assert await left_of(world, sid, track) == []
    assert await left_of(world, other, other_track) == before


async def test_rooms_past_their_retention_are_erased(world: World) -> None:
    sid, track = await spoken_of(world)
    world.settings = world.settings.model_copy(update={"retention_days": 30})
    await world.reconcile(after_ms=29 * 24 * 60 * MINUTE)
    assert await left_of(world, sid, track) != []
    assert (await world.reconcile(after_ms=2 * 24 * 60 * MINUTE))["erased"] == 1
    assert await left_of(world, sid, track) == []
    assert await world.stores.tombstones.find(sid)


async def test_livekit_that_is_away_ends_no_room(world: World) -> None:
    sid = await world.register()
    world.livekit = LiveKit("ws://127.0.0.1:1", "key", "s" * 32)
    reconciler = Reconciler(
        world.settings, world.stores, world.blobs, world.livekit, world.queue, world.clock
    )
    world.ahead_ms = 60 * MINUTE
    assert (await reconciler.once()).failed == 1
    assert (await reconciler.once()).failed == 1
    assert (await world.stores.rooms.get(sid)).status is RoomStatus.ACTIVE


async def test_a_track_of_somebody_unknown_is_kept_as_it_is(world: World) -> None:
    """A second look never overwrites what the track's own publisher wrote in between."""
    sid = await world.register()
    await world.stores.rooms.link_track(sid, "TR_slow", 0)
    await finalize_room(world.stores, world.blobs, sid, world.clock)
    await world.stores.tracks.publish(Track(id="TR_slow", room_sid=sid, identity="ann"))
    await world.reconcile()
    assert (await world.stores.tracks.get("TR_slow")).identity == "ann"
