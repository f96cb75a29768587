"""Where the assistant's sound is on its track's timeline, and what of it counts as heard."""

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from livekit import rtc

from agent_fleet.frames import Frame, to_samples
from agent_fleet.voice.errors import VoiceTrackError
from agent_fleet.voice.interruption import Verdict
from agent_fleet.voice.sound import Sound
from agent_fleet.voice.track import VoiceTrack

SECOND = Sound.of(np.full(24_000, 1000, np.int16))


class Time:
    """Seconds that pass only when a source makes somebody wait."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class PacedSource:
    """A source with a queue of 200 ms, that plays in virtual time."""

    def __init__(self, time: Time) -> None:
        self._time = time
        self._empty_at = 0.0
        self.cleared = 0

    @property
    def queued_duration(self) -> float:
        return max(0.0, self._empty_at - self._time.now)

    async def capture_frame(self, frame: rtc.AudioFrame) -> None:
        self._empty_at = max(self._empty_at, self._time.now) + frame.duration
        self._time.now = max(self._time.now, self._empty_at - 0.2)
        await asyncio.sleep(0)

    def clear_queue(self) -> None:
        self.cleared += 1
        self._empty_at = self._time.now

    async def aclose(self) -> None: ...


class Studio:
    """A voice track without a room, and the frames that its recording got."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, refuses: bool = False) -> None:
        self.time = Time()
        self.source = PacedSource(self.time)
        self.frames: list[Frame] = []
        monkeypatch.setattr(rtc, "AudioSource", lambda *_, **__: self.source)
        monkeypatch.setattr(rtc.LocalAudioTrack, "create_audio_track", lambda *_: None)

        async def publish(*_: object) -> object:
            if refuses:
                raise RuntimeError("no")
            return SimpleNamespace(sid="TR_voice")

        room: Any = SimpleNamespace(
            local_participant=SimpleNamespace(publish_track=publish), remote_participants={}
        )
        self.track = VoiceTrack(
            room, self.frames.append, clock=lambda: 1_000_000, monotonic=self.time
        )

    @property
    def recorded(self) -> list[tuple[int, bool]]:
        """For each frame where it is, in ms, and whether there is sound in it."""
        return [(f.position // 16, any(f.pcm)) for f in self.frames]


def go_on() -> Verdict:
    return Verdict.GO_ON


async def test_sounds_follow_each_other_and_pauses_are_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    studio = Studio(monkeypatch)
    assert (await studio.track.open()).sid == "TR_voice"
    first = await studio.track.play(SECOND, go_on)
    second = await studio.track.play(SECOND, go_on)
    assert studio.track.started_ms == 1_000_000
    assert (first.start, first.end) == (0, to_samples(1000))
    assert (second.start, second.end) == (to_samples(1000), to_samples(2000))
    assert len(studio.frames) == 90  # the last 200 ms are not heard yet
    studio.time.now += 3.2
    third = await studio.track.play(SECOND, go_on)
    assert third.start == pytest.approx(to_samples(5000), abs=2)
    positions = [at for at, _ in studio.recorded]
    assert positions[:100] == list(range(0, 2000, 20))
    assert positions[100] == pytest.approx(5000, abs=1)


async def test_what_was_taken_back_was_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    studio = Studio(monkeypatch)
    await studio.track.open()
    asked = 0

    def stop_after_600_ms() -> Verdict:
        nonlocal asked
        asked += 1
        return Verdict.STOP if asked > 30 else Verdict.GO_ON

    played = await studio.track.play(SECOND, stop_after_600_ms)
    assert played.stopped
    assert played.end == to_samples(400)  # 200 ms of the 600 were still queued
    assert played.share == pytest.approx(0.4)
    assert studio.source.cleared == 1
    assert [at for at, _ in studio.recorded] == list(range(0, 400, 20))


async def test_silence_is_recorded_for_a_while_after_the_last_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    studio = Studio(monkeypatch)
    studio.track.rest()  # before anything was said
    await studio.track.open()
    await studio.track.play(SECOND, go_on)
    studio.track.rest()  # while something is still to be heard
    assert len(studio.frames) == 40
    studio.time.now += 60
    studio.track.rest()
    studio.track.rest()
    silent = [at for at, sounds in studio.recorded if not sounds]
    assert silent == list(range(1000, 3500, 20))
    later = await studio.track.play(SECOND, go_on)
    assert later.start == pytest.approx(to_samples(60_800), abs=2)


async def test_a_room_that_does_not_take_the_track(monkeypatch: pytest.MonkeyPatch) -> None:
    studio = Studio(monkeypatch, refuses=True)
    with pytest.raises(VoiceTrackError):
        await studio.track.open()


async def test_a_frame_that_was_handed_over_is_kept_until_the_room_has_taken_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    studio = Studio(monkeypatch)
    handed, taken, ended = asyncio.Event(), asyncio.Event(), []

    async def slow(_: rtc.AudioFrame) -> None:
        handed.set()
        await taken.wait()
        ended.append("taken")

    monkeypatch.setattr(studio.source, "capture_frame", slow)
    await studio.track.open()
    playing = asyncio.create_task(studio.track.play(SECOND, go_on))
    await handed.wait()
    playing.cancel()
    done, _ = await asyncio.wait([playing], timeout=0.05)
    assert not done
    taken.set()
    with pytest.raises(asyncio.CancelledError):
        await playing
    assert ended == ["taken"]
