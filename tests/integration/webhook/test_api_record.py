"""What the API says of a record's quality, how it finds rooms, and how it erases them."""

import uuid

import httpx
import pytest

from functions.webhook.limits import MINT
from functions.webhook.services import Services
from parley.blobs import recording_key
from parley.domain.room import RoomOptions
from parley.domain.segment import Version
from parley.domain.track import Recording
from tests.integration.storage.transcript_rooms import Meeting, utterance
from tests.integration.webhook.conftest import bearer

START = 1_700_000_000_000


async def recorded(services: Services, meeting: Meeting, identity: str) -> str:
    """Give a speaker a recording of ten seconds and a final transcript."""
    speaker = meeting.speakers[identity]
    key = recording_key(meeting.sid, speaker.track_sid)
    await services.blobs.put(key, b"OggS", "audio/ogg")
    await services.stores.tracks.set_recorded(
        speaker.track_sid,
        Recording(method="agent", key=key, started_ms=START, ended_ms=START + 10_000),
    )
    await services.stores.tracks.unpublish(speaker.track_sid, START + 10_500)
    await speaker.is_transcribed(
        [
            utterance(speaker.track_sid, n, s.start_ms, version=Version.FINAL, text=f"{s.text}!")
            for n, s in enumerate(speaker.said)
        ]
    )
    return speaker.track_sid


async def test_diff_and_audit(
    api: httpx.AsyncClient, services: Services, admin: dict[str, str]
) -> None:
    meeting = await Meeting.of(services.stores, "ann", "ben", started_ms=START)
    await meeting.speakers["ann"].says(START + 1_000, text="we ship it monday")
    await meeting.speakers["ben"].says(START + 3_000, text="fine")
    track = await recorded(services, meeting, "ann")
    diff = (await api.get(f"/rooms/{meeting.sid}/diff", headers=admin)).json()
    assert diff["wer_by_participant"] == {"ann": 0.0}
    [entry] = diff["entries"]
    assert (entry["live_text"], entry["final_text"]) == ("we ship it monday", "we ship it monday!")
    audit = (await api.get(f"/rooms/{meeting.sid}/audit", headers=admin)).json()
    by_identity = {t["identity"]: t for t in audit["tracks"]}
    assert by_identity["ann"]["verdict"].startswith("complete")
    assert by_identity["ann"]["track_sid"] == track
    assert by_identity["ann"]["words_per_minute"] == 24.0
    assert by_identity["ben"]["verdict"] == "not recorded yet"
    assert audit["complete"] is False


async def test_a_recordings_link_opens_it_for_a_while(
    api: httpx.AsyncClient, services: Services, admin: dict[str, str]
) -> None:
    meeting = await Meeting.of(services.stores, "ann", started_ms=START)
    track = await recorded(services, meeting, "ann")
    link = (await api.get(f"/rooms/{meeting.sid}/recordings/{track}", headers=admin)).json()
    async with httpx.AsyncClient() as anybody:
        assert (await anybody.get(link["url"])).content == b"OggS"
        plain = link["url"].split("?")[0]
        assert (await anybody.get(plain)).status_code == 403
    assert link["expires_in_s"] == services.settings.presign_seconds
    other = await Meeting.of(services.stores, "eve")
    elsewhere = await api.get(f"/rooms/{other.sid}/recordings/{track}", headers=admin)
    assert elsewhere.status_code == 404


async def test_an_erased_room_is_gone_from_every_route(
    api: httpx.AsyncClient, services: Services, admin: dict[str, str]
) -> None:
    meeting = await Meeting.of(services.stores, "ann", started_ms=START)
    await meeting.speakers["ann"].says(START)
    url = f"/rooms/{meeting.sid}"
    assert (await api.delete(url, headers=admin)).status_code == 409
    await recorded(services, meeting, "ann")
    await api.post(f"{url}/finalize", headers=admin)
    erased = await api.delete(url, headers=admin)
    assert (erased.status_code, erased.content) == (204, b"")
    for part in ("", "/tracks", "/transcript", "/transcript.vtt", "/summary", "/audit", "/diff"):
        assert (await api.get(url + part, headers=admin)).status_code == 404
    assert (await api.delete(url, headers=admin)).status_code == 404
    assert await services.blobs.list_keys(f"recordings/{meeting.sid}/") == []


@pytest.fixture
async def ten_rooms(services: Services) -> list[str]:
    """Ten rooms, oldest first; two at a time registered in the same instant."""
    sids = []
    for n in range(10):
        sid = f"RM_{n}{uuid.uuid4().hex[:6]}"
        await services.stores.rooms.register(sid, f"name {n % 3}", RoomOptions(), START + n // 2)
        await services.stores.rooms.note_participant(sid, f"person {n % 4}")
        sids.append(sid)
    return sids


async def test_rooms_are_found_and_paged(
    api: httpx.AsyncClient, ten_rooms: list[str], admin: dict[str, str]
) -> None:
    async def find(**params: object) -> list[str]:
        found, cursor = [], None
        while True:
            query = {k: str(v) for k, v in params.items()} | ({"cursor": cursor} if cursor else {})
            answer = (await api.get("/rooms", params=query, headers=admin)).json()
            found += [room["sid"] for room in answer["rooms"]]
            cursor = answer["next_cursor"]
            if cursor is None:
                return found

    assert sorted(await find(limit=3)) == sorted(ten_rooms)
    assert await find(limit=3) == await find(limit=100)
    assert set(await find(name="name 1")) == {ten_rooms[n] for n in (1, 4, 7)}
    assert set(await find(participant="person 3")) == {ten_rooms[n] for n in (3, 7)}
    assert set(await find(since_ms=START + 1, until_ms=START + 3)) == set(ten_rooms[2:6])
    assert await find(name="name 1", participant="person 3") == [ten_rooms[7]]
    refused = await api.get("/rooms", params={"cursor": "garbage"}, headers=admin)
    assert refused.status_code == 422


async def test_join_tokens_are_minted_at_a_limited_rate(
    api: httpx.AsyncClient, services: Services
) -> None:
    meeting = await Meeting.of(services.stores)
    ann = bearer(services.settings, "participant", "ann", meeting.sid)
    ben = bearer(services.settings, "participant", "ben", meeting.sid)
    url = f"/rooms/{meeting.sid}/token"
    statuses = [
        (await api.post(url, json={}, headers=ann)).status_code for _ in range(MINT.amount + 1)
    ]
    assert statuses == [201] * MINT.amount + [429]
    limited = await api.post(url, json={}, headers=ann)
    assert 1 <= int(limited.headers["retry-after"]) <= 60
    assert (await api.post(url, json={}, headers=ben)).status_code == 201
