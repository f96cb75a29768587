"""One speaker in a real room: captions, live segments, recording."""


from parley.audio.ogg import decode
from parley.blobs import BlobStore, manifest_key, recording_key
from parley.domain.segment import Version
from parley.domain.track import Recording, TrackStatus
from parley.livekit_api import LiveKit, LiveRoom
from parley.settings import Settings
from parley.storage import Stores
from parley_cli.demo.listener import Listener
from tests.integration.fleet.conftest import eventually
from tests.integration.fleet.speech import Person, say, silence

SENTENCE = "can you review the budget"


async def person(livekit: LiveKit, settings: Settings, room: LiveRoom, identity: str) -> Person:
    someone = Person(settings.livekit_url, livekit.join_token(room.name, identity))
    await someone.join()
    return someone


async def test_a_speaker_gets_captions_segments_and_a_recording(
    fleet_settings: Settings, livekit: LiveKit, room: LiveRoom, stores: Stores, bucket: BlobStore
) -> None:
    token = livekit.join_token(room.name, "listener")
    async with Listener(fleet_settings.livekit_url, token, lambda _: None) as listener:
        alice = await person(livekit, fleet_settings, room, "alice")
        track_sid = await alice.publish()
        await alice.speak(silence(1))
        words_at = await alice.speak(say(SENTENCE))
        await alice.speak(silence(1))

        async def final_came() -> bool:
            return any(c.final for c in listener.captions)

        await eventually(final_came, what="final caption")
        await alice.leave()

        async def recorded() -> bool:
            return (await stores.tracks.get(track_sid)).status is TrackStatus.RECORDED

        await eventually(recorded, what="recording stored")

    partials = [c for c in listener.captions if not c.final]
    finals = [c for c in listener.captions if c.final]
    assert partials
    assert [c.text for c in finals] == [SENTENCE]
    assert {c.identity for c in listener.captions} == {"alice"}
    assert {c.track_sid for c in listener.captions} == {track_sid}
    assert {c.segment_id for c in listener.captions} == {f"{track_sid}.live.0"}

    track = await stores.tracks.get(track_sid)
    [segment] = await stores.chunks.read_version(
        track_sid, Version.LIVE, track.headers(Version.LIVE)
    )
    assert segment.text == SENTENCE
    assert segment.id == finals[0].segment_id
    assert abs(segment.start_ms - words_at[0]) < 400
    assert abs(segment.end_ms - words_at[1]) < 400

    manifest = Recording.model_validate_json(await bucket.get(manifest_key(room.sid, track_sid)))
    assert manifest == track.recording
    assert manifest.gaps == ()
    audio = decode(await bucket.get(recording_key(room.sid, track_sid)))
    seconds = (manifest.ended_ms - manifest.started_ms) / 1000
    assert abs(len(audio) / 16_000 - seconds) < 0.05
    assert abs(seconds - (3.0 + (words_at[1] - words_at[0]) / 1000 - 1.0)) < 1.0


