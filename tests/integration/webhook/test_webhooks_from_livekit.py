"""LiveKit's own webhooks, sent by the real server to the API in a process of its own."""

import asyncio
import uuid

import httpx
import pytest

from parley.auth import mint
from parley.livekit_api import LiveKit
from parley.settings import Settings
from parley.storage import Stores
from tests.integration.webhook.speaking import in_room, track_sids, until


@pytest.fixture
def name() -> str:
    return f"room-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def headers(stack_settings: Settings) -> dict[str, str]:
    return {"Authorization": f"Bearer {mint(stack_settings, sub='test', role='admin')}"}


async def test_a_rooms_life_is_followed_to_its_completion(
    stack_settings: Settings, headers: dict[str, str], name: str
) -> None:
    async with (
        httpx.AsyncClient(base_url=stack_settings.api_url, headers=headers) as api,
        LiveKit.from_settings(stack_settings) as livekit,
    ):
        body = {"name": name, "options": {"record": "none"}}
        sid = (await api.post("/rooms", json=body)).json()["room"]["sid"]

        async def room() -> dict[str, object]:
            found: dict[str, object] = (await api.get(f"/rooms/{sid}")).json()
            return found

        async with in_room(stack_settings, name, "ann") as ann:
            [track] = track_sids(ann)

            async def awaited() -> bool:
                return (await room())["pending_tracks"] == [track]

            await until(awaited)

        async def left() -> bool:
            tracks = (await api.get(f"/rooms/{sid}/tracks")).json()["tracks"]
            return tracks[0]["unpublished_ms"] is not None

        await until(left)
        await livekit.delete_room(name)

        async def completed() -> bool:
            return (await room())["status"] == "completed"

        await until(completed, within_s=15)
        assert (await room())["participants"] == ["ann"]
        refused = await api.post("/webhooks/livekit", json={"event": "room_finished"})
        assert refused.status_code == 401


async def test_nothing_is_missed_whenever_a_room_is_registered(
    stack_settings: Settings, headers: dict[str, str], name: str
) -> None:
    """Speakers join, and more join, while the room is being registered: all are taken in."""
    people = [f"speaker-{n}" for n in range(6)]
    stores = Stores.from_settings(stack_settings)
    published: list[str] = []
    done = asyncio.Event()

    async def speak(identity: str) -> None:
        async with in_room(stack_settings, name, identity) as client:
            published.extend(track_sids(client))
            await done.wait()

    async with (
        httpx.AsyncClient(base_url=stack_settings.api_url, headers=headers) as api,
        LiveKit.from_settings(stack_settings) as livekit,
        asyncio.TaskGroup() as group,
    ):
        for identity in people[:3]:
            group.create_task(speak(identity))

        async def open_now() -> bool:
            return bool(await livekit.list_rooms([name]))

        await until(open_now)
        [live] = await livekit.list_rooms([name])
        for identity in people[3:]:
            group.create_task(speak(identity))
        answer = await api.post(f"/rooms/{live.sid}/register", json={"name": name})
        assert answer.status_code == 200, answer.text

        async def all_taken() -> bool:
            if len(published) < len(people):
                return False
            room = await stores.rooms.get(live.sid)
            # A track's document is written after its link.
            stored = await stores.tracks.get_many(published)
            return sorted(room.pending_tracks) == sorted(published) == sorted(t.id for t in stored)

        await until(all_taken)
        tracks = await stores.tracks.get_many(published)
        assert sorted(track.identity for track in tracks) == people
        done.set()
    stores.close()
