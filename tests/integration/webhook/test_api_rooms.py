"""Rooms on a real LiveKit: opened, registered with a sweep, finalised."""

import uuid

import httpx
import jwt
import pytest

from functions.webhook.app import create_app
from functions.webhook.services import Services
from parley.clock import wall_clock_ms
from parley.livekit_api import LiveKit
from tests.integration.webhook.conftest import bearer
from tests.integration.webhook.speaking import in_room, track_sids, until


@pytest.fixture
def name() -> str:
    return f"room-{uuid.uuid4().hex[:8]}"


async def test_a_room_is_opened_registered_and_gets_one_agent(
    api: httpx.AsyncClient, services: Services, admin: dict[str, str], name: str
) -> None:
    body = {"name": name, "options": {"record": "none", "languages": {"ann": "ko"}}}
    first = await api.post("/rooms", json=body, headers=admin)
    again = await api.post("/rooms", json=body, headers=admin)
    assert (first.status_code, again.status_code) == (201, 201)
    assert (first.json()["new"], again.json()["new"]) == (True, False)
    room = first.json()["room"]
    assert again.json()["room"]["sid"] == room["sid"]
    assert [live.sid for live in await services.livekit.list_rooms([name])] == [room["sid"]]
    assert await services.livekit.agent_at_work(name, "parley", wall_clock_ms())
    shown = await api.get(f"/rooms/{room['sid']}", headers=admin)
    assert shown.json() == room
    assert room["status"] == "active"
    assert room["options"]["languages"] == {"ann": "ko"}


async def test_what_the_database_cannot_hold_is_refused_in_words(
    api: httpx.AsyncClient, admin: dict[str, str], name: str
) -> None:
    options = {"languages": {"ann\0": "ko"}}
    nul = await api.post("/rooms", json={"name": name, "options": options}, headers=admin)
    late = await api.get("/rooms", params={"since_ms": 2**63}, headers=admin)
    assert (nul.status_code, late.status_code) == (422, 422)
    assert "languages" in nul.text
    assert "since_ms" in late.text


async def test_registration_takes_in_who_was_there_before(
    api: httpx.AsyncClient, services: Services, name: str
) -> None:
    service = bearer(services.settings, "service", "fleet")
    async with (
        in_room(services.settings, name, "ann") as ann,
        in_room(services.settings, name, "ben") as ben,
        in_room(services.settings, name, "cid", publish=False),
    ):
        [live] = await services.livekit.list_rooms([name])
        await until(lambda: _audible(services, name, 2))
        answer = await api.post(f"/rooms/{live.sid}/register", json={"name": name}, headers=service)
        again = await api.post(f"/rooms/{live.sid}/register", json={}, headers=service)
        assert answer.status_code == again.status_code == 200
        assert (answer.json()["new"], answer.json()["swept"]) == (True, 2)
        assert (again.json()["new"], again.json()["swept"]) == (False, 2)
        room = again.json()["room"]
        assert sorted(room["participants"]) == ["ann", "ben", "cid"]
        assert sorted(room["pending_tracks"]) == sorted(track_sids(ann) + track_sids(ben))
        tracks = (await api.get(f"/rooms/{live.sid}/tracks", headers=service)).json()["tracks"]
        by_identity = {track["identity"]: track for track in tracks}
        assert by_identity["ann"]["name"] == "Ann"
        now_ms = services.clock()
        assert all(now_ms - 30_000 < track["published_ms"] <= now_ms for track in tracks)


async def _audible(services: Services, name: str, count: int) -> bool:
    people = await services.livekit.list_participants(name)
    return sum(len(p.audio_tracks) for p in people) == count


async def test_a_room_that_is_not_open_cannot_be_registered(
    api: httpx.AsyncClient, admin: dict[str, str]
) -> None:
    answer = await api.post("/rooms/RM_nowhere/register", json={}, headers=admin)
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:parley:problem:not-found"


async def test_finalising_takes_in_what_no_webhook_told_of_and_tells_the_agent(
    api: httpx.AsyncClient, services: Services, admin: dict[str, str], name: str
) -> None:
    opened = await api.post("/rooms", json={"name": name}, headers=admin)
    sid = opened.json()["room"]["sid"]
    heard: list[tuple[str | None, bytes]] = []
    async with (
        in_room(services.settings, name, "ann") as ann,
        in_room(services.settings, name, "listener", publish=False) as listener,
    ):
        listener.on("data_received", lambda packet: heard.append((packet.topic, packet.data)))
        await until(lambda: _audible(services, name, 1))
        room = (await api.post(f"/rooms/{sid}/finalize", headers=admin)).json()
        assert room["status"] == "final_room"
        assert room["pending_tracks"] == track_sids(ann)

        async def told() -> bool:
            return bool(heard)

        await until(told)
        assert heard == [("parley_control", b'{"type": "finalize", "room": "%s"}' % sid.encode())]


async def test_a_room_without_tracks_completes_at_once(
    api: httpx.AsyncClient, services: Services, admin: dict[str, str], name: str
) -> None:
    sid = (await api.post("/rooms", json={"name": name}, headers=admin)).json()["room"]["sid"]
    first = await api.post(f"/rooms/{sid}/finalize", headers=admin)
    again = await api.post(f"/rooms/{sid}/finalize", headers=admin)
    assert first.json()["status"] == again.json()["status"] == "completed"
    assert first.json()["completed_ms"] == again.json()["completed_ms"]
    assert await services.blobs.size(f"timelines/{sid}.json")


async def test_a_list_shows_what_the_token_holds(
    api: httpx.AsyncClient, services: Services, admin: dict[str, str], name: str
) -> None:
    sids = [
        (await api.post("/rooms", json={"name": f"{name}-{n}"}, headers=admin)).json()["room"][
            "sid"
        ]
        for n in range(3)
    ]
    everything = await api.get("/rooms", headers=admin)
    assert {room["sid"] for room in everything.json()["rooms"]} == set(sids)
    guest = bearer(services.settings, "viewer", "guest", sids[1], "RM_unknown")
    assert [r["sid"] for r in (await api.get("/rooms", headers=guest)).json()["rooms"]] == [sids[1]]
    named = await api.get("/rooms", params={"name": f"{name}-2"}, headers=admin)
    assert [room["sid"] for room in named.json()["rooms"]] == [sids[2]]
    done = await api.get("/rooms", params={"status": "completed"}, headers=admin)
    assert done.json()["rooms"] == []


async def test_a_join_token_lets_one_in_as_oneself(
    api: httpx.AsyncClient, services: Services, admin: dict[str, str], name: str
) -> None:
    sid = (await api.post("/rooms", json={"name": name}, headers=admin)).json()["room"]["sid"]
    ann = bearer(services.settings, "participant", "ann", sid)
    other = await api.post(f"/rooms/{sid}/token", json={"identity": "ben"}, headers=ann)
    assert other.status_code == 403
    granted = await api.post(f"/rooms/{sid}/token", json={"language": "ko"}, headers=ann)
    assert granted.status_code == 201
    ticket = granted.json()
    assert (ticket["identity"], ticket["room"], ticket["can_publish"]) == ("ann", name, True)
    async with in_room(services.settings, name, "ann", token=ticket["token"]) as client:
        assert client.local_participant.identity == "ann"
        [seen] = [p for p in await services.livekit.list_participants(name) if not p.agent]
        assert seen.attributes == {"language": "ko"}


async def test_a_viewers_token_cannot_speak_and_a_past_room_gives_none(
    api: httpx.AsyncClient, services: Services, admin: dict[str, str], name: str
) -> None:
    sid = (await api.post("/rooms", json={"name": name}, headers=admin)).json()["room"]["sid"]
    viewer = bearer(services.settings, "viewer", "eve", sid)
    ticket = (await api.post(f"/rooms/{sid}/token", json={}, headers=viewer)).json()
    grants = jwt.decode(ticket["token"], options={"verify_signature": False})["video"]
    assert (grants["canPublish"], grants["canPublishData"]) == (False, False)
    assert ticket["can_publish"] is False
    await api.post(f"/rooms/{sid}/finalize", headers=admin)
    over = await api.post(f"/rooms/{sid}/token", json={}, headers=viewer)
    assert over.status_code == 409


async def test_livekit_that_is_away_is_told_apart(
    services: Services, admin: dict[str, str]
) -> None:
    cut_off = Services(**{**vars(services), "livekit": LiveKit("ws://127.0.0.1:1", "k", "s" * 32)})
    transport = httpx.ASGITransport(create_app(cut_off))
    async with httpx.AsyncClient(transport=transport, base_url="http://parley") as api:
        answer = await api.post("/rooms", json={"name": "x"}, headers=admin)
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:parley:problem:livekit-unavailable"
    await cut_off.livekit.aclose()
