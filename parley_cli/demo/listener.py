"""A silent participant that receives the captions as any client does, and notes when they came."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from livekit import rtc

CAPTIONS_TOPIC = "lk.transcription"


@dataclass(frozen=True)
class Caption:
    """One caption update: the text of a segment so far, and when this client had it."""

    identity: str
    track_sid: str
    segment_id: str
    text: str
    final: bool
    start_ms: int
    arrived_ms: int


class Listener:
    """Receives captions from the moment it joined until it leaves; an async context manager."""

    def __init__(self, url: str, token: str, on_caption: Callable[[Caption], None]) -> None:
        """Prepare; `on_caption` is called on the loop for every caption, in order of arrival."""
        self._url, self._token, self._on_caption = url, token, on_caption
        self._room = rtc.Room()
        self._reading: set[asyncio.Task[None]] = set()
        self.captions: list[Caption] = []
        self.broken = 0

    async def __aenter__(self) -> Self:
        """Join the room, without subscribing to anybody's audio."""
        self._room.register_text_stream_handler(CAPTIONS_TOPIC, self._begin)
        await self._room.connect(self._url, self._token, rtc.RoomOptions(auto_subscribe=False))
        return self

    async def __aexit__(self, *_: object) -> None:
        """Leave the room and finish what is being read."""
        await self._room.disconnect()
        await asyncio.gather(*self._reading)

    def identities(self) -> set[str]:
        """Who else is in the room now."""
        return set(self._room.remote_participants)

    def agents(self) -> set[str]:
        """The identities of the agents that are in the room now."""
        kind = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT
        return {i for i, p in self._room.remote_participants.items() if p.kind == kind}

    def _begin(self, reader: rtc.TextStreamReader, identity: str) -> None:
        task = asyncio.get_running_loop().create_task(self._read(reader, identity))
        self._reading.add(task)
        task.add_done_callback(self._reading.discard)

    async def _read(self, reader: rtc.TextStreamReader, identity: str) -> None:
        try:
            text = await reader.read_all()
        except ConnectionError:  # the room closed in the middle of a stream
            self.broken += 1
            return
        arrived_ms = time.time_ns() // 1_000_000
        attributes = reader.info.attributes or {}
        caption = Caption(
            identity=identity,
            track_sid=attributes.get("lk.transcribed_track_id", ""),
            segment_id=attributes.get("lk.segment_id", ""),
            text=text,
            final=attributes.get("lk.transcription_final", "") == "true",
            start_ms=int(float(attributes.get("parley.start_ms", 0) or 0)),
            arrived_ms=arrived_ms,
        )
        self.captions.append(caption)
        self._on_caption(caption)
