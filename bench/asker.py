"""Who asks the assistant in a bench, and who hears the answer, each a participant of the room."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from parley.audio.resample import resample, to_int16
from parley.domain.speech import CONTROL_TOPIC, STATUS_TOPIC
from parley.voice.engine import SAMPLE_RATE as VOICE_RATE
from parley.voice.espeak import Espeak
from parley_cli.demo.listener import CAPTIONS_TOPIC
from parley_cli.demo.words import Aligner

RATE = 48_000
_FRAME_MS = 10
_NOISE_RMS = 20.0
_LOUD = 150.0  # RMS of int16 samples
_VOICE_TRACK = "parley-voice"


@dataclass(frozen=True)
class Utterance:
    """Something to say: int16 mono at `RATE`, and where its last word ends, in ms."""

    text: str
    samples: NDArray[np.int16]
    ends_ms: int


class Studio:
    """Makes utterances; holds a speech engine and the model that finds the words."""

    def __init__(self) -> None:
        """Load both."""
        self._engine = Espeak()
        self._aligner = Aligner()

    def record(self, text: str, voice: str) -> Utterance:
        """A text in a voice of espeak-ng."""
        chosen = next(v for v in self._engine.voices() if v.name == voice)
        sound = resample(self._engine.render(text, chosen, 0.9), VOICE_RATE, RATE)
        samples = to_int16(sound * 0.7)
        return Utterance(text, samples, self._aligner.align(text, samples, RATE)[-1].end_ms)


class Microphone:
    """A participant whose microphone is on all the time: room noise, and what it says."""

    def __init__(self, url: str, token: str) -> None:
        """Join with this token."""
        self._url, self._token = url, token
        self._room = rtc.Room()
        self._source = rtc.AudioSource(RATE, 1, queue_size_ms=0)
        self._rng = np.random.default_rng(7)
        self._waiting: asyncio.Queue[tuple[Utterance, asyncio.Future[int]]] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        """Join and switch the microphone on."""
        await self._room.connect(self._url, self._token, rtc.RoomOptions(auto_subscribe=False))
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._source)
        await self._room.local_participant.publish_track(
            track, rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        )
        self._running = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        """Leave."""
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self._room.disconnect()

    async def say(self, utterance: Utterance) -> int:
        """Say it, to its end; returns when its last word ended, in ms since the epoch."""
        begun: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((utterance, begun))
        return await begun + utterance.ends_ms

    async def _run(self) -> None:
        step = RATE * _FRAME_MS // 1000
        started, sent = time.monotonic(), 0
        speech, at = np.zeros(0, np.int16), 0
        ended: tuple[asyncio.Future[int], int] | None = None
        while True:
            if at >= len(speech):
                if ended is not None:
                    ended[0].set_result(ended[1])
                    ended = None
                if not self._waiting.empty():
                    utterance, future = self._waiting.get_nowait()
                    speech, at, ended = utterance.samples, 0, (future, _now_ms())
            frame = self._rng.normal(0, _NOISE_RMS, step)
            part = speech[at : at + step]
            frame[: len(part)] += part
            at += step
            sent += 1
            await asyncio.sleep(max(0.0, started + sent * _FRAME_MS / 1000 - time.monotonic()))
            data = np.clip(frame, -32_768, 32_767).astype(np.int16).tobytes()
            await self._source.capture_frame(rtc.AudioFrame(data, RATE, 1, step))


@dataclass
class Heard:
    """What came after one question, in ms since the epoch; 0 for what did not come."""

    caption_ms: int = 0
    speaking_ms: int = 0
    sound_ms: int = 0
    request_id: str = ""
    ended: bool = False
    changed: asyncio.Event = field(default_factory=asyncio.Event)


class Ears:
    """A participant who hears the answers, and stops them once they have begun."""

    def __init__(self, url: str, token: str) -> None:
        """Join with this token."""
        self._url, self._token = url, token
        self._room = rtc.Room()
        self._tasks: list[asyncio.Task[None]] = []
        self._now = Heard()

    async def __aenter__(self) -> Self:
        """Join; the assistant alone is heard."""
        self._room.on("track_published", self._on_published)
        self._room.on("track_subscribed", self._on_track)
        self._room.on("data_received", self._on_data)
        self._room.register_text_stream_handler(CAPTIONS_TOPIC, self._on_caption)
        await self._room.connect(self._url, self._token, rtc.RoomOptions(auto_subscribe=False))
        return self

    async def __aexit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        """Leave."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._room.disconnect()

    def listen(self) -> Heard:
        """What comes from now on is noted in this."""
        self._now = Heard()
        return self._now

    async def first_sound(self, heard: Heard, limit_s: float) -> bool:
        """Wait for the first sound of an answer; False where none comes."""
        return await _until(heard, lambda: bool(heard.sound_ms), limit_s)

    async def stop(self, heard: Heard) -> None:
        """Have the answer stopped, and wait for its end."""
        message = json.dumps({"id": heard.request_id, "cancel": True})
        await self._room.local_participant.publish_data(message, topic=CONTROL_TOPIC)
        await _until(heard, lambda: heard.ended, 10.0)

    def _on_published(self, publication: rtc.RemoteTrackPublication, _: object) -> None:
        if publication.name == _VOICE_TRACK:
            publication.set_subscribed(True)

    def _on_track(self, track: rtc.Track, _: object, __: object) -> None:
        self._tasks.append(asyncio.create_task(self._hear(track)))

    async def _hear(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=VOICE_RATE, num_channels=1, frame_size_ms=20)
        try:
            async for event in stream:
                samples = np.frombuffer(event.frame.data, np.int16).astype(np.float64)
                if not self._now.sound_ms and np.sqrt(np.mean(samples**2)) > _LOUD:
                    self._now.sound_ms = _now_ms()
                    self._now.changed.set()
        finally:
            await stream.aclose()

    def _on_data(self, packet: rtc.DataPacket) -> None:
        if packet.topic != STATUS_TOPIC:
            return
        told = json.loads(packet.data)
        heard = self._now
        heard.request_id = told["id"]
        if told["status"] == "speaking":
            heard.speaking_ms = _now_ms()
        elif told["status"] != "queued":
            heard.ended = True
        heard.changed.set()

    def _on_caption(self, reader: rtc.TextStreamReader, identity: str) -> None:
        attributes = reader.info.attributes or {}
        final = attributes.get("lk.transcription_final") == "true"
        if final and not identity.startswith("agent-") and not self._now.caption_ms:
            self._now.caption_ms = _now_ms()


async def _until(heard: Heard, condition: Callable[[], bool], limit_s: float) -> bool:
    try:
        async with asyncio.timeout(limit_s):
            while not condition():
                heard.changed.clear()
                await heard.changed.wait()
    except TimeoutError:
        return False
    return True


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
