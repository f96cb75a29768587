"""The live stream: what is said comes once, in order, also for somebody who comes back."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from parley.auth import mint
from parley.domain.segment import Version
from parley.settings import Settings
from parley.storage import Stores
from tests.integration.storage.transcript_rooms import Meeting, utterance


@pytest.fixture
async def stores(stack_settings: Settings) -> AsyncIterator[Stores]:
    stores = Stores.from_settings(stack_settings)
    yield stores
    stores.close()


@pytest.fixture
async def client(stack_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {mint(stack_settings, sub='test', role='admin')}"}
    async with httpx.AsyncClient(base_url=stack_settings.api_url, headers=headers) as client:
        yield client


class Listener:
    """Reads the stream; remembers what came and the last id."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.statuses: list[str] = []
        self.last_id: str | None = None
        self.heard = asyncio.Condition()

    async def listen(self, client: httpx.AsyncClient, sid: str) -> None:
        """Until the stream ends."""
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        async with client.stream("GET", f"/rooms/{sid}/live", headers=headers) as answer:
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("text/event-stream")
            fields: dict[str, str] = {}
            async for line in answer.aiter_lines():
                name, _, value = line.partition(": ")
                if line:
                    fields[name] = value
                    continue
                async with self.heard:
                    self._take(fields)
                    self.heard.notify_all()
                fields = {}

    def _take(self, fields: dict[str, str]) -> None:
        if fields.get("event") == "segment":
            self.said.append(json.loads(fields["data"])["text"])
        elif fields.get("event") == "room":
            self.statuses.append(json.loads(fields["data"])["status"])
        self.last_id = fields.get("id", self.last_id)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(10), self.heard:
            await self.heard.wait_for(lambda: len(self.said) >= count)


async def test_a_listener_follows_a_room_to_its_end(
    client: httpx.AsyncClient, stores: Stores
) -> None:
    meeting = await Meeting.of(stores, "ann", "ben")
    ann, ben = meeting.speakers["ann"], meeting.speakers["ben"]
    await ann.says(1_000, text="before anybody listened")
    listener = Listener()
    listening = asyncio.create_task(listener.listen(client, meeting.sid))
    await listener.until(1)
    await ben.says(2_000, text="while they listen")
    await listener.until(2)
    for speaker in (ann, ben):
        await speaker.is_transcribed([utterance(speaker.track_sid, 0, 1, version=Version.FINAL)])
    await client.post(f"/rooms/{meeting.sid}/finalize")
    async with asyncio.timeout(10):
        await listening
    assert listener.said == ["before anybody listened", "while they listen"]
    assert listener.statuses[0] == "active"
    assert listener.statuses[-1] == "completed"


async def test_a_listener_who_comes_back_goes_on_where_they_were(
    client: httpx.AsyncClient, stores: Stores
) -> None:
    meeting = await Meeting.of(stores, "ann")
    ann = meeting.speakers["ann"]
    listener = Listener()
    await ann.says(1_000, 2_000, 3_000)
    listening = asyncio.create_task(listener.listen(client, meeting.sid))
    await listener.until(3)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await ann.says(4_000, 5_000)
    listening = asyncio.create_task(listener.listen(client, meeting.sid))
    await listener.until(5)
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    assert listener.said == [f"segment {n}" for n in range(5)]


async def test_a_room_that_is_not_there_has_no_stream(client: httpx.AsyncClient) -> None:
    assert (await client.get("/rooms/RM_nowhere/live")).status_code == 404
    assert (await client.get("/rooms/RM_x/live", headers={"Last-Event-ID": "x"})).status_code == 422
