"""Somebody who listens to the assistant and reads what it says of its requests."""

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from livekit import rtc
from numpy.typing import NDArray

from agent_fleet.languages import PROJECT_MODEL
from agent_fleet.vosk_recogniser import VoskModel
from tests.integration.fleet.conftest import eventually

RATE = 16_000
_LOUD = 200.0  # RMS of int16 samples


@dataclass
class Ear:
    """A participant that hears the track `parley-voice`; `join` it."""

    url: str
    token: str
    room: rtc.Room = field(default_factory=rtc.Room)
    frames: list[NDArray[np.int16]] = field(default_factory=list)
    statuses: list[dict[str, Any]] = field(default_factory=list)
    loud_at: list[float] = field(default_factory=list)
    _tasks: list["asyncio.Task[None]"] = field(default_factory=list)

    async def join(self) -> None:
        self.room.on("track_subscribed", self._on_track)
        self.room.on("data_received", self._on_data)
        await self.room.connect(self.url, self.token)

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.room.disconnect()

    async def control(self, message: dict[str, Any] | bytes) -> None:
        data = message if isinstance(message, bytes) else json.dumps(message)
        await self.room.local_participant.publish_data(data, topic="tts_control")

    @property
    def agent(self) -> str:
        kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        [agent] = [i for i, p in self.room.remote_participants.items() if p.kind == kind]
        return agent

    def states(self, request_id: str) -> list[str]:
        return [s["status"] for s in self.statuses if s.get("id") == request_id]

    async def told(self, request_id: str, state: str, limit_s: float = 20.0) -> None:
        async def so() -> bool:
            return state in self.states(request_id)

        await eventually(so, limit_s, f"{request_id} is {state}, not {self.states(request_id)}")

    def recognised(self) -> str:
        """What the live recogniser makes of what was heard."""
        recogniser = VoskModel(PROJECT_MODEL).recogniser(RATE)
        said = []
        for at in range(0, len(heard := np.concatenate(self.frames)), RATE // 10):
            if (ended := recogniser.accept(heard[at : at + RATE // 10].tobytes())) is not None:
                said.append(ended.text)
        return " ".join([*said, recogniser.finish().text]).strip()

    def loud_seconds(self) -> float:
        return len(self.loud_at) * 0.02

    def loud_level(self, seconds: float = 1.0) -> float:
        """The level of the louder half of what was heard last, as RMS."""
        last = sorted(self.loudness()[-int(seconds * 50) :])
        return sum(last[len(last) // 2 :]) / max(1, len(last) - len(last) // 2)

    def loudness(self) -> list[float]:
        """RMS of every 20 ms that were heard."""
        return [_rms(frame) for frame in self.frames]

    def _on_track(self, track: rtc.Track, publication: rtc.TrackPublication, _: object) -> None:
        if publication.name == "parley-voice":
            self._tasks.append(asyncio.create_task(self._listen(track)))

    async def _listen(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1, frame_size_ms=20)
        try:
            async for event in stream:
                samples = np.frombuffer(event.frame.data, np.int16).copy()
                self.frames.append(samples)
                if _rms(samples) > _LOUD:
                    self.loud_at.append(time.monotonic())
        finally:
            await stream.aclose()

    def _on_data(self, packet: rtc.DataPacket) -> None:
        if packet.topic == "tts_status":
            self.statuses.append(json.loads(packet.data))


def _rms(samples: NDArray[np.int16]) -> float:
    return float(np.sqrt(np.mean(samples.astype(np.float64) ** 2)))
