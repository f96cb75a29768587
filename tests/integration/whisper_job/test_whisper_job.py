"""A stored recording becomes the final transcript, or says why not; the room always completes."""

import asyncio
import re
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from functions.whisper_job.job import Outcome, TrackNotReadyError
from functions.whisper_job.recording import RecordingMissingError
from parley.audio.ogg import encode_opus
from parley.blobs import manifest_key, recording_key, timeline_key
from parley.blobs.keys import RecordingName
from parley.domain.room import RoomStatus
from parley.domain.segment import Version
from parley.domain.timeline import Timeline
from parley.domain.track import TrackStatus
from parley.errors import BlobUnavailableError, TranscriberError
from parley.transcribe import Utterance, WhisperTranscriber
from parley.transcribe.engine import TimedWord
from tests.integration.whisper_job.conftest import STARTED_MS, World


class Counting:
    """A transcriber that hears one word a second of audio and counts the seconds it was given."""

    def __init__(self, fail: Callable[[int], Exception | None] = lambda call: None) -> None:
        self.calls: list[float] = []
        self._fail = fail

    def transcribe(
        self, samples: NDArray[np.float32], language: str | None = None
    ) -> list[Utterance]:
        if error := self._fail(len(self.calls) + 1):
            raise error
        seconds = len(samples) / 16_000
        self.calls.append(seconds)
        return [
            Utterance((TimedWord(f"word{n}", n * 1000, n * 1000 + 500, 0.8),))
            for n in range(int(seconds))
        ]


async def test_the_transcript_has_absolute_times_and_completes_the_room(
    world: World, whisper: WhisperTranscriber, speech: bytes
) -> None:
    room = await world.room()
    track = await world.track(room)
    await world.upload(room, track, speech, samples=489_696)
    await world.finalize(room)
    outcome = await world.job(whisper).run(RecordingName(room, track), owner="m1")
    assert outcome is Outcome.DONE

    stored = await world.stores.tracks.get(track)
    assert stored.status is TrackStatus.TRANSCRIBED
    assert stored.lease is None
    segments = await world.stores.chunks.read_version(
        track, Version.FINAL, stored.headers(Version.FINAL)
    )
    assert segments[0].id == f"{track}.final.0"
    assert segments[0].text.startswith("Good morning")
    assert STARTED_MS + 300 <= segments[0].start_ms <= STARTED_MS + 700
    assert all(0.5 < s.confidence <= 1.0 and s.words for s in segments)

    assert (await world.stores.rooms.get(room)).status is RoomStatus.COMPLETED
    timeline = Timeline.model_validate_json(await world.blobs.get(timeline_key(room)))
    assert [s.id for s in timeline.segments] == [s.id for s in segments]
    assert timeline.missing == ()

    calls = Counting()
    assert await world.job(calls).run(RecordingName(room, track), owner="m2") is Outcome.DONE
    assert calls.calls == []  # the same event again is no work


@pytest.mark.parametrize(
    ("body", "manifest", "reason"),
    [
        (b"", {}, "the recording is an empty file"),
        (b"this is not audio at all" * 50, {}, "can't be decoded as audio"),
        (b"RIFF" + bytes(2000), {}, "can't be decoded as audio"),
        ("half", {}, "is cut off: .* bytes are in the object store"),
        ("whole", {"samples": 48_000 * 60}, r"is cut off: 10.2 of 60.0 s can be read"),
        ("cut", {"bytes": 0, "samples": 489_696}, "is cut off: .* s can be read"),
    ],
)
async def test_a_recording_that_cannot_be_used_fails_its_track_only(
    world: World, speech: bytes, body: bytes | str, manifest: dict[str, int], reason: str
) -> None:
    room = await world.room()
    track, silent = await world.track(room), await world.track(room, "bob")
    content = {"whole": speech, "half": speech[: len(speech) // 2], "cut": speech[:9000]}.get(
        body if isinstance(body, str) else "", body
    )
    assert isinstance(content, bytes)
    if body == "half":
        manifest = {"bytes": len(speech)}
    await world.upload(room, track, content, **manifest)
    await world.upload(room, silent, speech)
    await world.finalize(room)
    job = world.job(Counting())
    assert await job.run(RecordingName(room, track), owner="m1") is Outcome.DONE
    stored = await world.stores.tracks.get(track)
    assert stored.status is TrackStatus.FAILED
    assert stored.error is not None
    assert re.search(reason, stored.error), stored.error
    await job.run(RecordingName(room, silent), owner="m2")
    assert (await world.stores.rooms.get(room)).status is RoomStatus.COMPLETED
    timeline = Timeline.model_validate_json(await world.blobs.get(timeline_key(room)))
    (missing,) = timeline.missing
    assert missing.track_sid == track
    assert stored.error in missing.reason


async def test_silence_is_an_empty_track(world: World, whisper: WhisperTranscriber) -> None:
    room = await world.room()
    track = await world.track(room)
    await world.upload(room, track, encode_opus(np.zeros(48_000 * 5, np.int16), 48_000))
    await world.finalize(room)
    await world.job(whisper).run(RecordingName(room, track), owner="m1")
    stored = await world.stores.tracks.get(track)
    assert stored.status is TrackStatus.EMPTY
    assert stored.error == "no speech was found in the recording"
    assert (await world.stores.rooms.get(room)).status is RoomStatus.COMPLETED


async def test_an_unknown_room_is_ignored(world: World, speech: bytes) -> None:
    await world.upload("RM_nobody", "TR_nobody", speech)
    name = RecordingName("RM_nobody", "TR_nobody")
    assert await world.job(Counting()).run(name, owner="m1") is Outcome.IGNORED


async def test_an_unknown_track_of_a_known_room_is_tried_later(world: World) -> None:
    room = await world.room()
    with pytest.raises(TrackNotReadyError, match="not known yet"):
        await world.job(Counting()).run(RecordingName(room, "TR_new"), owner="m1")


async def test_a_track_held_by_somebody_else_is_tried_later(world: World, speech: bytes) -> None:
    room = await world.room()
    track = await world.track(room)
    await world.upload(room, track, speech)
    far = 10**15
    assert await world.stores.tracks.claim(track, "other", far, 60_000)
    with pytest.raises(TrackNotReadyError, match="somebody else"):
        await world.job(Counting()).run(RecordingName(room, track), owner="m1")


async def test_two_at_once_transcribe_once(world: World, speech: bytes) -> None:
    room = await world.room()
    track = await world.track(room)
    await world.upload(room, track, speech)
    calls = Counting()
    results = await asyncio.gather(
        *(world.job(calls).run(RecordingName(room, track), owner=f"m{n}") for n in range(5)),
        return_exceptions=True,
    )
    assert len(calls.calls) == 1
    assert Outcome.DONE in results
    assert all(r is Outcome.DONE or isinstance(r, TrackNotReadyError) for r in results)


async def test_poison_fails_the_track_after_its_attempts(world: World, speech: bytes) -> None:
    room = await world.room()
    track = await world.track(room)
    await world.upload(room, track, speech)
    await world.finalize(room)
    job = world.job(Counting(lambda call: TranscriberError("Whisper failed: RuntimeError")))
    for attempt in (1, 2, 3):
        with pytest.raises(TranscriberError):
            await job.run(RecordingName(room, track), owner="m1")
        stored = await world.stores.tracks.get(track)
        assert stored.attempts == attempt
        assert stored.error == "Whisper failed: RuntimeError"
        assert stored.status is (TrackStatus.FAILED if attempt == 3 else TrackStatus.RECORDED)
    assert (await world.stores.rooms.get(room)).status is RoomStatus.COMPLETED
    assert await job.run(RecordingName(room, track), owner="m1") is Outcome.DONE


async def test_a_process_that_dies_each_time_fails_the_track(world: World, speech: bytes) -> None:
    """Killed attempts leave the lease behind and no error; they count all the same."""
    room = await world.room()
    track = await world.track(room)
    await world.upload(room, track, speech)
    await world.finalize(room)
    for _ in range(3):
        assert await world.stores.tracks.claim(track, "m1", 0, 1)
    assert await world.job(Counting()).run(RecordingName(room, track), owner="m1") is Outcome.DONE
    stored = await world.stores.tracks.get(track)
    assert stored.status is TrackStatus.FAILED
    assert stored.error == "the transcriber did not survive the recording"
    assert (await world.stores.rooms.get(room)).status is RoomStatus.COMPLETED


async def test_a_missing_manifest_is_waited_for(world: World, speech: bytes) -> None:
    room = await world.room()
    track = await world.track(room)
    await world.blobs.put(recording_key(room, track), speech, "audio/ogg")
    job = world.job(Counting())
    with pytest.raises(RecordingMissingError, match="no manifest"):
        await job.run(RecordingName(room, track), owner="m1")
    await world.upload(room, track, speech)
    assert await job.run(RecordingName(room, track), owner="m1") is Outcome.DONE
    assert (await world.stores.tracks.get(track)).status is TrackStatus.TRANSCRIBED


async def test_a_manifest_that_is_none_fails_the_track(world: World, speech: bytes) -> None:
    room = await world.room()
    track = await world.track(room)
    await world.upload(room, track, speech)
    await world.blobs.put(manifest_key(room, track), b'{"method": "tape"}', "application/json")
    await world.job(Counting()).run(RecordingName(room, track), owner="m1")
    stored = await world.stores.tracks.get(track)
    assert stored.status is TrackStatus.FAILED
    assert stored.error == "the recording's manifest can't be read"


async def test_an_outage_is_not_the_recordings_fault(
    world: World, speech: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = await world.room()
    track = await world.track(room)
    await world.upload(room, track, speech)

    async def out(*_: object) -> None:
        raise BlobUnavailableError("the object store cannot be reached")

    job = world.job(Counting())
    with monkeypatch.context() as patched:
        patched.setattr(world.blobs, "get_file", out)
        for _ in range(5):
            with pytest.raises(BlobUnavailableError):
                await job.run(RecordingName(room, track), owner="m1")
    assert (await world.stores.tracks.get(track)).attempts == 0
    assert await job.run(RecordingName(room, track), owner="m1") is Outcome.DONE


class Killed(BaseException):
    """Stands for the process being killed: nothing handles it."""


async def test_a_long_recording_takes_several_invocations(world: World, long_speech: bytes) -> None:
    """Parts of 15 s; each invocation has time for one; the third is killed in its part."""
    room = await world.room()
    track = await world.track(room)
    await world.upload(room, track, long_speech)
    await world.finalize(room)
    name = RecordingName(room, track)
    calls = Counting()

    short = world.job(calls, remaining_ms=1000, part_seconds=15)
    assert await short.run(name, owner="m1") is Outcome.UNFINISHED
    after_one = (await world.stores.tracks.get(track)).progress
    assert after_one is not None
    assert 0 < after_one.position <= 15 * 16_000
    assert await short.run(name, owner="m2") is Outcome.UNFINISHED
    assert (await world.stores.tracks.get(track)).attempts == 0

    def kill(call: int) -> Exception | None:
        raise Killed

    with pytest.raises(Killed):
        await world.job(Counting(kill), part_seconds=15).run(name, owner="m3")
    assert await world.job(calls, part_seconds=15).run(name, owner="m3") is Outcome.DONE

    assert len(calls.calls) >= 4
    assert sum(calls.calls) == pytest.approx(4 * 12.202, abs=0.1)  # nothing twice, nothing lost
    stored = await world.stores.tracks.get(track)
    assert stored.status is TrackStatus.TRANSCRIBED
    segments = await world.stores.chunks.read_version(
        track, Version.FINAL, stored.headers(Version.FINAL)
    )
    assert [s.id for s in segments] == [f"{track}.final.{n}" for n in range(len(segments))]
    starts = [s.start_ms for s in segments]
    assert starts == sorted(starts)
    assert len(segments) == sum(int(seconds) for seconds in calls.calls)
    assert segments[-1].end_ms <= STARTED_MS + 48_900


async def test_a_transcript_in_parts_is_that_of_the_whole(
    world: World,
    whisper: WhisperTranscriber,
    long_speech: bytes,
) -> None:
    texts = []
    for seconds in (600.0, 15.0):
        room = await world.room()
        track = await world.track(room)
        await world.upload(room, track, long_speech)
        job = world.job(whisper, part_seconds=seconds)
        await job.run(RecordingName(room, track), owner="m")
        stored = await world.stores.tracks.get(track)
        segments = await world.stores.chunks.read_version(
            track, Version.FINAL, stored.headers(Version.FINAL)
        )
        words = " ".join(s.text for s in segments).lower()
        texts.append("".join(c for c in words if c.isalpha() or c == " ").split())
    assert texts[0] == texts[1]
    assert texts[0].count("budget") == 4
