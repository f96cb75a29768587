"""Somebody who asks the assistant by typing, and reads its captions besides hearing it."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from livekit import rtc

from parley_cli.demo.listener import CAPTIONS_TOPIC
from tests.integration.fleet.ear import Ear


@dataclass
class Hearer(Ear):
    """An ear that also keeps final captions; `join` it."""

    said: list[str] = field(default_factory=list)
    """The assistant's."""
    heard: list[tuple[str, str, str]] = field(default_factory=list)
    """People's: identity, segment id, text."""

    async def join(self) -> None:
        self.room.register_text_stream_handler(CAPTIONS_TOPIC, self._on_caption)
        await super().join()

    async def ask(self, question: str, **more: str) -> dict[str, Any]:
        answer = await self.room.local_participant.perform_rpc(
            destination_identity=self.agent,
            method="ask",
            payload=json.dumps({"question": question, **more}),
        )
        found: dict[str, Any] = json.loads(answer)
        return found

    def _on_caption(self, reader: rtc.TextStreamReader, identity: str) -> None:
        if (reader.info.attributes or {}).get("lk.transcription_final") == "true":
            self._tasks.append(asyncio.create_task(self._read(reader, identity)))

    async def _read(self, reader: rtc.TextStreamReader, identity: str) -> None:
        text = await reader.read_all()
        if identity.startswith("agent-"):
            self.said.append(text)
        else:
            segment_id = (reader.info.attributes or {})["lk.segment_id"]
            self.heard.append((identity, segment_id, text))
