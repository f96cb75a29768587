"""Audio by the subscriber: its death, a mute, the sound it keeps; and by the SDK without it."""

import os
import signal
from pathlib import Path

import jiwer
import numpy as np
import psutil
import pytest
from livekit import api
from numpy.typing import NDArray

from parley.audio.ogg import decode, encode_opus
from parley.blobs import recording_key
from parley.settings import Settings
from parley_cli.demo.listener import Listener
from tests.integration.fleet.conftest import ROBOT, FleetProcess, eventually
from tests.integration.fleet.meeting import Meeting, hold
from tests.integration.fleet.speech import RATE, Person, say, silence
from tests.stack_fixtures.publisher import publisher_plan, publishing

SENTENCE = "can you review the budget"
OTHER = "the report is ready"

pytestmark = pytest.mark.timeout(90)


def subscribers(fleet: FleetProcess) -> list[psutil.Process]:
    """The fleet's subscriber processes that run now."""
    assert fleet.process is not None
    children = psutil.Process(fleet.process.pid).children()
    return [child for child in children if "subscriber" in child.name()]


def server_api(settings: Settings) -> api.LiveKitAPI:
    """LiveKit's own view, which has the hidden participants."""
    url = settings.livekit_url.replace("ws://", "http://")
    return api.LiveKitAPI(
        url, settings.livekit_api_key, settings.livekit_api_secret.get_secret_value()
    )


async def present(server: api.LiveKitAPI, meeting: Meeting) -> list[str]:
    """The identities of all who are in the room, hidden or not."""
    request = api.ListParticipantsRequest(room=meeting.room.name)
    answer = await server.room.list_participants(request)
    return [participant.identity for participant in answer.participants]


async def finals(listener: Listener, count: int) -> list[str]:
    """The texts of final captions, once there are so many."""

    async def there() -> bool:
        return sum(caption.final for caption in listener.captions) >= count

    await eventually(there, what=f"{count} final captions")
    return [caption.text for caption in listener.captions if caption.final]


async def hears_again(speaker: Person, track_sid: str, fleet: FleetProcess) -> None:
    """Wait until a speaker's audio arrives after a hole; they are silent meanwhile."""

    async def hears() -> bool:  # what was missed becomes a gap when the next audio comes
        await speaker.speak(silence(0.1))
        [pipeline] = [p for p in await fleet.pipelines() if p["track_sid"] == track_sid]
        return pipeline["gaps"] == 1

    await eventually(hears, what="audio arrives again")
    await speaker.speak(silence(0.6))


async def test_a_killed_subscriber_costs_what_was_said_meanwhile_and_no_more(
    meeting: Meeting, fleet: FleetProcess
) -> None:
    async with meeting.listener() as listener:
        alice = await meeting.person("alice")
        track_sid = await alice.publish()
        await alice.speak(silence(0.6))
        await alice.speak(say(SENTENCE))
        assert await finals(listener, 1) == [SENTENCE]
        [before] = subscribers(fleet)
        os.kill(before.pid, signal.SIGKILL)

        async def another() -> bool:
            await alice.speak(silence(0.1))
            found = subscribers(fleet)
            return len(found) == 1 and found[0].pid != before.pid

        await eventually(another, what="another subscriber")
        await hears_again(alice, track_sid, fleet)
        begun_ms, _ = await alice.speak(say(OTHER))
        assert await finals(listener, 2) == [SENTENCE, OTHER]
        await alice.leave()
        track = await meeting.ended(track_sid)
    after = (await meeting.segments(track_sid))[-1]
    assert after.start_ms == pytest.approx(begun_ms, abs=400)
    manifest, seconds = await meeting.recording(track_sid)
    assert abs(seconds - (manifest.ended_ms - manifest.started_ms) / 1000) < 0.05
    assert track.recording == manifest
    assert len(manifest.gaps) == 1
    assert "parley_subscriber_starts_total 1.0" not in await fleet.metrics()


async def test_a_subscriber_that_is_thrown_out_comes_back_and_hears(
    meeting: Meeting, fleet: FleetProcess, fleet_settings: Settings
) -> None:
    async with meeting.listener() as listener:
        alice = await meeting.person("alice")
        track_sid = await alice.publish()
        await alice.speak(silence(0.6))
        await alice.speak(say(SENTENCE))
        assert await finals(listener, 1) == [SENTENCE]
        async with server_api(fleet_settings) as server:
            [identity] = [one for one in await present(server, meeting) if "subscriber" in one]
            out = api.RoomParticipantIdentity(room=meeting.room.name, identity=identity)
            await server.room.remove_participant(out)
        await hears_again(alice, track_sid, fleet)
        begun_ms, _ = await alice.speak(say(OTHER))
        assert await finals(listener, 2) == [SENTENCE, OTHER]
        await alice.leave()
        await meeting.ended(track_sid)
    after = (await meeting.segments(track_sid))[-1]
    assert after.start_ms == pytest.approx(begun_ms, abs=400)


async def test_a_mute_right_after_the_last_word_ends_the_utterance(meeting: Meeting) -> None:
    async with meeting.listener() as listener:
        alice = await meeting.person("alice")
        track_sid = await alice.publish()
        await alice.speak(silence(0.6))
        await alice.speak(say(SENTENCE))
        alice.track.mute()
        assert await finals(listener, 1) == [SENTENCE]
        await alice.leave()
        await meeting.ended(track_sid)


def tone(hz: int, seconds: float) -> NDArray[np.int16]:
    at = np.arange(int(seconds * RATE)) / RATE
    return (8_000 * np.sin(2 * np.pi * hz * at)).astype(np.int16)


def share_above(samples: NDArray[np.float32], hz: int) -> float:
    """Which part of the sound's energy lies above a frequency."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float(power[int(hz * len(samples) / RATE) :].sum() / power.sum())


async def test_a_recording_has_all_that_was_sent(meeting: Meeting) -> None:
    alice = await meeting.person("alice")
    track_sid = await alice.publish()
    await alice.speak(silence(0.4))
    await alice.speak(tone(11_000, 2.0))  # what 16 kHz can't hold
    await alice.speak(silence(0.6))
    await alice.leave()
    await meeting.ended(track_sid)
    manifest, _ = await meeting.recording(track_sid)
    audio = decode(await meeting.blobs.get(recording_key(meeting.room.sid, track_sid)), RATE)
    assert share_above(audio, 10_000) > 0.9
    assert abs(len(audio) - manifest.samples) < RATE * 0.02


async def test_a_bad_network_costs_few_words_and_no_time(meeting: Meeting, tmp_path: Path) -> None:
    said = [SENTENCE, OTHER, "please share the results with the team", "what is the next topic"]
    audio = np.concatenate([part for text in said for part in (silence(1.2), say(text))])
    audio = np.concatenate([audio, silence(2.0)])
    file = tmp_path / "speech.ogg"
    file.write_bytes(encode_opus(audio, RATE))
    alice = {"identity": "alice", "file": str(file), "leave_at_end": True}
    plan = publisher_plan(meeting.settings, meeting.room.name, [alice])
    async with (
        meeting.listener(),
        publishing(plan | {"network": {"delay_ms": 40, "lost_pct": 3}}) as publisher,
    ):
        [started] = await publisher.count("started", 1)
        await publisher.count("left", 1, limit_s=40)
        track_sid = str(started["track_sid"])
        await meeting.ended(track_sid)
    segments = await meeting.segments(track_sid)
    assert jiwer.wer(" ".join(said), " ".join(segment.text for segment in segments)) < 0.15
    _, seconds = await meeting.recording(track_sid)
    assert abs(seconds - len(audio) / RATE) < 0.5


async def test_nobody_sees_the_subscriber_and_it_goes_with_the_agent(
    meeting: Meeting, fleet_settings: Settings
) -> None:
    async def there(server: api.LiveKitAPI) -> set[str]:
        return {identity.split("-")[0] for identity in await present(server, meeting)}

    async with server_api(fleet_settings) as server:
        async with meeting.listener():
            alice = await meeting.person("alice")

            async def joined() -> bool:
                return "subscriber" in await there(server)

            await eventually(joined, what="the subscriber joins")
            seen = {identity.split("-")[0] for identity in alice.room.remote_participants}
            assert seen == {"agent", "listener"}
            await alice.leave()
        [agent] = [p for p in await meeting.livekit.list_participants(meeting.room.name) if p.agent]
        await meeting.livekit.remove_participant(meeting.room.name, agent.identity)

        async def gone() -> bool:
            return not await there(server) & {"agent", "subscriber"}

        await eventually(gone, what="the subscriber leaves")


async def test_without_it_the_sdk_gives_the_audio(direct: Settings, tmp_path: Path) -> None:
    extra = {"PARLEY_SUBSCRIBER": "sdk", **ROBOT}
    fleet = FleetProcess(direct, tmp_path / "fleet.log", extra=extra)
    fleet.start()
    try:
        assert not subscribers(fleet)
        async with hold(direct) as meeting, meeting.listener() as listener:
            alice = await meeting.person("alice")
            track_sid = await alice.publish()
            await alice.speak(silence(0.6))
            await alice.speak(say(SENTENCE))
            await alice.speak(silence(0.6))
            assert await finals(listener, 1) == [SENTENCE]
            await alice.leave()
            await meeting.ended(track_sid)
            manifest, seconds = await meeting.recording(track_sid)
            assert abs(seconds - (manifest.ended_ms - manifest.started_ms) / 1000) < 0.05
    finally:
        status = fleet.stop()
    assert status == 0
