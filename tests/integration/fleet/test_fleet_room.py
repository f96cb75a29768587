"""Speakers in a real room: captions, live segments and recordings, however the tracks end."""

import asyncio
import json
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from parley.domain.track import TrackStatus
from parley.livekit_api import LiveKit
from parley.rooms.closing import close_room
from parley.settings import Settings
from parley.storage import Stores
from tests.integration.fleet.conftest import (
    ROBOT,
    FleetProcess,
    eventually,
    open_room,
)
from tests.integration.fleet.meeting import Meeting
from tests.integration.fleet.speech import Person, say, silence

SENTENCE = "can you review the budget"
OTHER = "the report is ready"

pytestmark = pytest.mark.timeout(90)


async def test_a_speaker_gets_captions_segments_and_a_recording(meeting: Meeting) -> None:
    async with meeting.listener() as listener:
        alice = await meeting.person("alice")
        track_sid = await alice.publish()
        await alice.speak(silence(1))
        words_at = await alice.speak(say(SENTENCE))
        await alice.speak(silence(1))

        async def final_came() -> bool:
            return any(c.final for c in listener.captions)

        await eventually(final_came, what="final caption")
        await alice.leave()
        track = await meeting.ended(track_sid)

    partials = [c for c in listener.captions if not c.final]
    finals = [c for c in listener.captions if c.final]
    assert partials
    assert [c.text for c in finals] == [SENTENCE]
    assert {c.identity for c in listener.captions} == {"alice"}
    assert {c.track_sid for c in listener.captions} == {track_sid}
    assert {c.segment_id for c in listener.captions} == {f"{track_sid}.live.0"}

    [segment] = await meeting.segments(track_sid)
    assert segment.text == SENTENCE
    assert segment.id == finals[0].segment_id
    assert abs(segment.start_ms - words_at[0]) < 400
    assert abs(segment.end_ms - words_at[1]) < 400

    manifest, seconds = await meeting.recording(track_sid)
    assert manifest == track.recording
    assert manifest.gaps == ()
    assert abs(seconds - (manifest.ended_ms - manifest.started_ms) / 1000) < 0.05
    assert manifest.started_ms < words_at[0]
    assert manifest.ended_ms > words_at[1]


async def test_mute_is_silence_in_the_recording_and_no_gap(meeting: Meeting) -> None:
    alice = await meeting.person("alice")
    track_sid = await alice.publish()
    await alice.speak(silence(0.6))
    first = await alice.speak(say(SENTENCE))
    await alice.speak(silence(0.6))
    alice.track.mute()
    await alice.speak(say(OTHER))  # nobody is to hear this
    await alice.speak(silence(0.6))
    alice.track.unmute()
    await alice.speak(silence(0.6))
    second = await alice.speak(say(SENTENCE))
    await alice.speak(silence(0.8))
    await alice.leave()
    track = await meeting.ended(track_sid)

    segments = await meeting.segments(track_sid)
    assert [s.text for s in segments] == [SENTENCE, SENTENCE]
    for segment, (begun, ended) in zip(segments, (first, second), strict=True):
        assert abs(segment.start_ms - begun) < 400
        assert abs(segment.end_ms - ended) < 400
    manifest, seconds = await meeting.recording(track_sid)
    assert manifest.gaps == ()
    assert track.recording == manifest
    assert abs(seconds - (manifest.ended_ms - manifest.started_ms) / 1000) < 0.05
    assert manifest.ended_ms > second[1]


async def test_leaving_and_returning_makes_two_tracks(meeting: Meeting) -> None:
    sids = []
    for sentence in (SENTENCE, OTHER):
        alice = await meeting.person("alice")
        sids.append(await alice.publish())
        await alice.speak(silence(0.6))
        await alice.speak(say(sentence))
        await alice.leave()  # in the middle of the utterance: its end was not heard
    for sid, sentence in zip(sids, (SENTENCE, OTHER), strict=True):
        track = await meeting.ended(sid)
        assert track.identity == "alice"
        assert [s.text for s in await meeting.segments(sid)] == [sentence]
    assert len(set(sids)) == 2
    room = await meeting.stores.rooms.get(meeting.room.sid)
    assert set(room.tracks) == set(sids)


async def test_a_track_that_never_speaks_has_a_recording_and_no_segment(meeting: Meeting) -> None:
    alice = await meeting.person("alice")
    track_sid = await alice.publish()
    await alice.speak(silence(2))
    await alice.leave()
    await meeting.ended(track_sid)
    assert await meeting.segments(track_sid) == []
    manifest, seconds = await meeting.recording(track_sid)
    assert manifest.gaps == ()
    assert seconds > 1.0


async def test_finalising_ends_the_recordings_of_those_who_stay(
    meeting: Meeting, fleet: FleetProcess
) -> None:
    alice = await meeting.person("alice")
    track_sid = await alice.publish()
    await alice.speak(silence(0.6))
    await alice.speak(say(SENTENCE))
    await alice.speak(silence(0.2))
    await close_room(meeting.stores, meeting.blobs, meeting.livekit, meeting.room.sid)
    await meeting.ended(track_sid)
    assert [s.text for s in await meeting.segments(track_sid)] == [SENTENCE]
    await alice.leave()

    async def forgotten() -> bool:
        return track_sid not in [p["track_sid"] for p in await fleet.pipelines()]

    await eventually(forgotten, what="pipeline closed")


async def test_a_participant_cannot_finalise_the_room(meeting: Meeting) -> None:
    alice = await meeting.person("alice")
    track_sid = await alice.publish()
    await alice.room.local_participant.publish_data(
        json.dumps({"type": "finalize"}), topic="parley_control"
    )
    await alice.speak(silence(0.6))
    await alice.speak(say(SENTENCE))
    await alice.speak(silence(0.8))
    track = await meeting.stores.tracks.get(track_sid)
    assert track.status is TrackStatus.LIVE
    await alice.leave()
    await meeting.ended(track_sid)
    assert [s.text for s in await meeting.segments(track_sid)] == [SENTENCE]


async def test_a_deleted_room_still_ends_well(meeting: Meeting) -> None:
    alice = await meeting.person("alice")
    track_sid = await alice.publish()
    await alice.speak(silence(0.6))
    await alice.speak(say(SENTENCE))
    await meeting.livekit.delete_room(meeting.room.name)
    await meeting.ended(track_sid)
    assert [s.text for s in await meeting.segments(track_sid)] == [SENTENCE]
    _, seconds = await meeting.recording(track_sid)
    assert seconds > 1.5


async def test_a_room_that_is_opened_again_at_once_gets_the_agent(meeting: Meeting) -> None:
    alice = await meeting.person("alice")
    track_sid = await alice.publish()
    await alice.speak(say(SENTENCE))
    name = meeting.room.name
    await meeting.livekit.delete_room(name)
    again = await meeting.livekit.create_room(name)
    await meeting.livekit.dispatch_agent(name, meeting.settings.agent_name)

    async def there() -> bool:
        return any(p.agent and p.active for p in await meeting.livekit.list_participants(name))

    await eventually(there, what="the agent comes back")
    assert again.sid != meeting.room.sid
    await meeting.ended(track_sid)


async def test_the_assistants_voice_is_not_a_speaker(meeting: Meeting, fleet: FleetProcess) -> None:
    alice = await meeting.person("alice")
    voice = await meeting.person("voice")
    voice_sid = await voice.publish("parley-voice")
    track_sid = await alice.publish()
    await alice.speak(silence(1))

    async def heard() -> bool:
        return track_sid in [p["track_sid"] for p in await fleet.pipelines()]

    await eventually(heard, what="alice is heard")
    assert voice_sid not in [p["track_sid"] for p in await fleet.pipelines()]
    await alice.leave()
    await voice.leave()


async def test_rooms_that_open_at_once_each_get_the_agent(
    fleet: FleetProcess, fleet_settings: Settings, livekit: LiveKit, stores: Stores
) -> None:
    async with AsyncExitStack() as rooms, asyncio.TaskGroup() as opening:
        for _ in range(5):
            opening.create_task(
                rooms.enter_async_context(open_room(livekit, stores, fleet_settings))
            )


async def test_the_first_rooms_of_a_process_may_open_at_once(
    direct: Settings, tmp_path: Path
) -> None:
    process = FleetProcess(direct, tmp_path / "fleet.log", extra=ROBOT)
    await asyncio.to_thread(process.start)
    stores = Stores.from_settings(direct)
    try:
        async with LiveKit.from_settings(direct) as livekit, AsyncExitStack() as rooms:
            opening = [
                rooms.enter_async_context(open_room(livekit, stores, direct)) for _ in "abcd"
            ]
            people = [
                Person(direct.livekit_url, livekit.join_token(room.name, "alice"))
                for room in await asyncio.gather(*opening)
            ]
            await asyncio.gather(*(person.join() for person in people))
            sids = set(await asyncio.gather(*(person.publish() for person in people)))

            async def all_heard() -> bool:
                return {p["track_sid"] for p in await process.pipelines()} == sids

            await eventually(all_heard, what="everybody is heard")
            await asyncio.gather(*(person.leave() for person in people))
    finally:
        stores.close()
        assert await asyncio.to_thread(process.stop) == 0
