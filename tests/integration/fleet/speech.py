"""Speech for tests: espeak-ng sentences in the demo model's vocabulary, and who speaks them."""

import asyncio
import time
from dataclasses import dataclass

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from parley.audio.resample import resample, to_int16
from parley.voice.engine import SAMPLE_RATE, Voice
from parley.voice.espeak import Espeak

RATE = 48_000
FRAME_MS = 10
_SPEED = 150 / 175  # words a minute, of those at speed 1


def say(text: str, voice: str = "en-us") -> NDArray[np.int16]:
    """The sentence as int16 mono at `RATE`, and a breath: who leaves at once cuts their end off."""
    spoken = resample(Espeak().render(text, Voice(voice, voice), _SPEED), SAMPLE_RATE, RATE)
    return np.concatenate([to_int16(spoken * 0.7), silence(0.3)])


def silence(seconds: float) -> NDArray[np.int16]:
    return np.zeros(int(seconds * RATE), np.int16)


@dataclass
class Person:
    """A participant with a microphone that runs in real time."""

    url: str
    token: str

    async def join(self) -> None:
        self.room = rtc.Room()
        await self.room.connect(self.url, self.token, rtc.RoomOptions(auto_subscribe=False))

    async def publish(self, name: str = "microphone") -> str:
        self.source = rtc.AudioSource(RATE, 1, queue_size_ms=0)
        self.track = rtc.LocalAudioTrack.create_audio_track(name, self.source)
        self.publication = await self.room.local_participant.publish_track(
            self.track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        )
        return self.publication.sid

    async def speak(self, samples: NDArray[np.int16]) -> tuple[int, int]:
        """Speak in real time; returns when it began and ended, in ms since the epoch."""
        step = RATE * FRAME_MS // 1000
        begun = time.time_ns() // 1_000_000
        started = time.monotonic()
        for index, at in enumerate(range(0, len(samples) - step + 1, step)):
            delay = started + (index + 1) * FRAME_MS / 1000 - time.monotonic()
            if delay > 0:
                await asyncio.sleep(delay)
            data = samples[at : at + step].tobytes()
            await self.source.capture_frame(rtc.AudioFrame(data, RATE, 1, step))
        return begun, time.time_ns() // 1_000_000

    async def unpublish(self) -> None:
        await self.room.local_participant.unpublish_track(self.publication.sid)
        await self.source.aclose()

    async def leave(self) -> None:
        await self.room.disconnect()
