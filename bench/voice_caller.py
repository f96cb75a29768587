"""Who makes the assistant speak in a bench: sends requests, reads states, hears the first sound."""

import asyncio
import json
import time
from dataclasses import dataclass, field

import numpy as np
from livekit import rtc

from parley.domain.speech import CONTROL_TOPIC, STATUS_TOPIC

_RATE = 24_000
_LOUD = 150.0  # RMS of int16 samples
VOICE_TRACK = "parley-voice"


@dataclass
class Request:
    """One request, with when things happened to it (ms since the epoch; 0 when they did not)."""

    sent_ms: int
    states: dict[str, int] = field(default_factory=dict)
    heard_ms: int = 0
    error: str = ""

    @property
    def begun_after_ms(self) -> int:
        """From the request to the state that says that the first frame went out."""
        return self.states["speaking"] - self.sent_ms

    @property
    def heard_after_ms(self) -> int:
        """From the request to the first sound at this participant."""
        return self.heard_ms - self.sent_ms


class Caller:
    """A participant that asks for speech; an async context manager."""

    def __init__(self, url: str, token: str) -> None:
        """Join with this token."""
        self._url, self._token = url, token
        self._room = rtc.Room()
        self._listening: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()
        self._now: Request | None = None
        self.requests: dict[str, Request] = {}

    async def __aenter__(self) -> "Caller":
        """Join the room and hear the assistant only."""
        self._room.on("track_published", self._on_published)
        self._room.on("track_subscribed", self._on_track)
        self._room.on("data_received", self._on_data)
        await self._room.connect(self._url, self._token, rtc.RoomOptions(auto_subscribe=False))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave the room."""
        for task in self._listening:
            task.cancel()
        await asyncio.gather(*self._listening, return_exceptions=True)
        await self._room.disconnect()

    async def say(self, text: str, limit_s: float = 120.0) -> Request:
        """Have a text spoken and wait for its end."""
        name = f"r{len(self.requests)}"
        request = self.requests[name] = Request(_now_ms())
        self._now = request
        await self._room.local_participant.publish_data(
            json.dumps({"id": name, "text": text}), topic=CONTROL_TOPIC
        )
        async with asyncio.timeout(limit_s):
            while not request.states.keys() & {"done", "cancelled", "interrupted", "failed"}:
                self._changed.clear()
                await self._changed.wait()
        return request

    def _on_published(self, publication: rtc.RemoteTrackPublication, _: object) -> None:
        if publication.name == VOICE_TRACK:
            publication.set_subscribed(True)

    def _on_track(self, track: rtc.Track, _: object, __: object) -> None:
        self._listening.append(asyncio.create_task(self._listen(track)))

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=_RATE, num_channels=1, frame_size_ms=20)
        try:
            async for event in stream:
                samples = np.frombuffer(event.frame.data, np.int16).astype(np.float64)
                request = self._now
                if request and not request.heard_ms and np.sqrt(np.mean(samples**2)) > _LOUD:
                    request.heard_ms = _now_ms()
        finally:
            await stream.aclose()

    def _on_data(self, packet: rtc.DataPacket) -> None:
        if packet.topic == STATUS_TOPIC:
            told = json.loads(packet.data)
            if (request := self.requests.get(told.get("id", ""))) is not None:
                request.states[told["status"]] = _now_ms()
                request.error = told.get("error", "")
                self._changed.set()


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
