"""The agent in rooms that record by egress: it spools, and uploads only where egress has nothing.

LiveKit here has no egress workers, as it has none in `parley up`.
"""

from collections.abc import AsyncIterator

import pytest

from parley.blobs import BlobStore, egress_key, recording_key
from parley.clock import wall_clock_ms
from parley.domain.room import RoomOptions
from parley.domain.track import EgressState, Track, TrackStatus
from parley.livekit_api import EgressPhase, LiveEgress, LiveKit, LiveRoom
from parley.rooms import egress
from parley.rooms.audit import audit_track
from parley.rooms.egress import apply_egress, begin_egress
from parley.settings import Settings
from parley.storage import Stores
from tests.integration.fleet.conftest import FleetProcess, eventually, open_room
from tests.integration.fleet.speech import Person, say, silence

SENTENCE = "can you review the budget"
pytestmark = pytest.mark.timeout(90)


class Meeting:
    """A room that records by egress, with the agent and one speaker in it."""

    def __init__(
        self, room: LiveRoom, stores: Stores, blobs: BlobStore, livekit: LiveKit, settings: Settings
    ) -> None:
        self.room, self.stores, self.blobs, self.livekit = room, stores, blobs, livekit
        self.settings = settings

    async def publish(self) -> tuple[Person, str]:
        person = Person(self.settings.livekit_url, self.livekit.join_token(self.room.name, "alice"))
        await person.join()
        sid = await person.publish()

        async def known() -> bool:
            return await self.stores.tracks.find(sid) is not None

        await eventually(known, what="track known")
        return person, sid

    async def news(self, sid: str, phase: EgressPhase) -> None:
        """LiveKit's word of the track's egress."""
        track = await self.stores.tracks.get(sid)
        room = await self.stores.rooms.get(self.room.sid)
        running = phase is EgressPhase.RUNNING
        news = LiveEgress(
            id="EG_1",
            room_sid=room.id,
            track_sid=sid,
            phase=phase,
            active=running,
            started_ms=track.published_ms + 500,
            ended_ms=0 if running else wall_clock_ms(),
            reason=phase.value,
        )
        assert await apply_egress(self.stores, self.blobs, self.livekit, room, news)

    async def recorded(self, sid: str) -> Track:
        async def is_so() -> bool:
            track = await self.stores.tracks.get(sid)
            size = await self.blobs.size(recording_key(self.room.sid, sid))
            return track.status is TrackStatus.RECORDED and size is not None

        await eventually(is_so, what="recorded")
        return await self.stores.tracks.get(sid)

    def spooled(self) -> list[str]:
        """What of this room lies on the agent's disk."""
        folder = self.settings.state_dir / "spool" / "recordings" / self.room.sid
        return [path.name for path in folder.glob("*.ogg")]


@pytest.fixture
async def meeting(
    fleet: FleetProcess,
    fleet_settings: Settings,
    livekit: LiveKit,
    stores: Stores,
    bucket: BlobStore,
) -> AsyncIterator[Meeting]:
    options = RoomOptions(record="egress")
    async with open_room(livekit, stores, fleet_settings, options) as room:
        yield Meeting(room, stores, bucket, livekit, fleet_settings)


async def speak(person: Person) -> tuple[int, int]:
    await person.speak(silence(0.4))
    words_at = await person.speak(say(SENTENCE))
    await person.speak(silence(0.4))
    return words_at


async def test_a_livekit_without_egress_workers_makes_the_agent_record(
    meeting: Meeting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(egress, "START_S", 1.5)  # LiveKit takes 20 s to say that nobody is there
    alice, sid = await meeting.publish()
    room = await meeting.stores.rooms.get(meeting.room.sid)
    begun_ms, ended_ms = await speak(alice)
    assert not await begin_egress(meeting.stores, meeting.livekit, room, sid)
    await alice.leave()
    track = await meeting.recorded(sid)
    assert track.recording is not None
    assert track.recording.method == "agent"
    assert track.recording.started_ms <= begun_ms
    assert track.recording.ended_ms >= ended_ms
    audited = audit_track(track, room, [], [], wall_clock_ms())
    assert (audited.note or "").startswith("recorded by the agent, since egress did not")
    assert meeting.spooled() == []


async def test_what_was_said_before_an_egress_died_is_in_the_agents_recording(
    meeting: Meeting,
) -> None:
    alice, sid = await meeting.publish()
    assert await meeting.stores.egress.claim(sid, wall_clock_ms())
    await meeting.news(sid, EgressPhase.RUNNING)
    begun_ms, _ = await speak(alice)
    await meeting.news(sid, EgressPhase.FAILED)
    await alice.speak(silence(0.4))
    await alice.leave()
    track = await meeting.recorded(sid)
    assert track.recording is not None
    assert track.recording.method == "agent"
    assert track.recording.started_ms <= begun_ms


async def test_what_egress_delivers_is_not_uploaded_by_the_agent_too(meeting: Meeting) -> None:
    alice, sid = await meeting.publish()
    assert await meeting.stores.egress.claim(sid, wall_clock_ms())
    await meeting.news(sid, EgressPhase.RUNNING)
    await speak(alice)
    await alice.leave()

    async def spooled() -> bool:  # and waits for the egress's word
        return (await meeting.stores.tracks.get(sid)).status is TrackStatus.LIVE and bool(
            meeting.spooled()
        )

    await eventually(spooled, what="spooled")
    await meeting.blobs.put(egress_key(meeting.room.sid, sid), b"OggS of egress", "audio/ogg")
    await meeting.news(sid, EgressPhase.COMPLETE)
    track = await meeting.recorded(sid)
    assert track.egress is not None
    assert track.egress.state is EgressState.DELIVERED

    async def discarded() -> bool:
        return meeting.spooled() == []

    await eventually(discarded, what="spool discarded")
    assert (await meeting.stores.tracks.get(sid)).recording == track.recording
    assert track.recording is not None
    assert track.recording.method == "egress"
    stored = await meeting.blobs.get(recording_key(meeting.room.sid, sid))
    assert stored == b"OggS of egress"
