"""Transcripts over HTTP: filters, pages, subtitle forms, and how little is read."""

from typing import Any

import httpx
import pytest

from functions.webhook.services import Services
from parley.domain.segment import Version
from tests.integration.storage.transcript_rooms import Meeting, utterance

START = 1_700_000_000_000


@pytest.fixture
async def meeting(services: Services) -> Meeting:
    """Ann and Ben take turns every ten seconds for two minutes; Ben is unsure of himself."""
    meeting = await Meeting.of(services.stores, "ann", "ben", started_ms=START)
    for turn in range(6):
        at_ms = START + turn * 20_000
        await meeting.speakers["ann"].says(at_ms, text=f"ann <{turn}> & so on", confidence=0.9)
        await meeting.speakers["ben"].says(at_ms + 10_000, text=f"ben {turn}", confidence=0.4)
    return meeting


async def texts(
    api: httpx.AsyncClient, meeting: Meeting, admin: dict[str, str], **params: object
) -> list[str]:
    answer = await api.get(
        f"/rooms/{meeting.sid}/transcript",
        params={k.rstrip("_"): str(v) for k, v in params.items()},
        headers=admin,
    )
    assert answer.status_code == 200, answer.text
    return [segment["text"] for segment in answer.json()["segments"]]


async def test_speakers_are_merged_by_time(
    api: httpx.AsyncClient, meeting: Meeting, admin: dict[str, str]
) -> None:
    found = await texts(api, meeting, admin)
    assert found[:3] == ["ann <0> & so on", "ben 0", "ann <1> & so on"]
    assert len(found) == 12


async def test_filters_narrow_and_combine(
    api: httpx.AsyncClient, meeting: Meeting, admin: dict[str, str]
) -> None:
    assert await texts(api, meeting, admin, participant="ben", to="35s") == ["ben 0", "ben 1"]
    assert await texts(api, meeting, admin, participant="nobody") == []
    assert len(await texts(api, meeting, admin, min_confidence=0.5)) == 6
    assert await texts(api, meeting, admin, from_=START + 105_000) == ["ben 5"]
    assert await texts(api, meeting, admin, from_="1m", to="75s") == ["ann <3> & so on", "ben 3"]
    assert await texts(api, meeting, admin, text="BEN 4") == ["ben 4"]
    assert await texts(api, meeting, admin, version="final") == []


async def test_an_utterance_that_reaches_into_the_range_belongs_to_it(
    api: httpx.AsyncClient, meeting: Meeting, admin: dict[str, str]
) -> None:
    inside = await texts(api, meeting, admin, from_=START + 10_899, to=START + 10_900)
    assert inside == ["ben 0"]
    assert await texts(api, meeting, admin, from_=START + 10_900, to=START + 10_901) == []


async def test_pages_follow_one_another_and_go_on_with_the_room(
    api: httpx.AsyncClient, services: Services, meeting: Meeting, admin: dict[str, str]
) -> None:
    url, seen, cursor = f"/rooms/{meeting.sid}/transcript", [], None
    while True:
        params: dict[str, str] = {"limit": "5"} | ({"cursor": cursor} if cursor else {})
        page = (await api.get(url, params=params, headers=admin)).json()
        seen += [segment["text"] for segment in page["segments"]]
        cursor = page["next_cursor"]
        if not page["more"]:
            break
    assert seen == await texts(api, meeting, admin)
    # The room is live: the last cursor waits for what comes.
    await meeting.speakers["ben"].says(START + 200_000, text="one more thing")
    page = (await api.get(url, params={"cursor": cursor, "limit": 5}, headers=admin)).json()
    assert [segment["text"] for segment in page["segments"]] == ["one more thing"]
    for speaker in meeting.speakers.values():
        await speaker.is_transcribed([utterance(speaker.track_sid, 0, 9, version=Version.FINAL)])
    await api.post(f"/rooms/{meeting.sid}/finalize", headers=admin)
    last = await api.get(url, params={"cursor": page["next_cursor"], "limit": 5}, headers=admin)
    assert last.json()["segments"] == []
    assert last.json()["next_cursor"] is None


async def test_best_is_final_where_it_exists(
    api: httpx.AsyncClient, meeting: Meeting, admin: dict[str, str]
) -> None:
    ann = meeting.speakers["ann"]
    exact = utterance(ann.track_sid, 0, START + 5, version=Version.FINAL, text="Ann, exactly.")
    await ann.is_transcribed([exact])
    best = await texts(api, meeting, admin)
    assert best == ["Ann, exactly.", *(f"ben {n}" for n in range(6))]
    assert len(await texts(api, meeting, admin, version="live")) == 12
    assert await texts(api, meeting, admin, version="final") == ["Ann, exactly."]


async def test_words_come_when_asked_for(
    api: httpx.AsyncClient, meeting: Meeting, admin: dict[str, str]
) -> None:
    url = f"/rooms/{meeting.sid}/transcript"
    plain = (await api.get(url, params={"limit": 1}, headers=admin)).json()["segments"][0]
    full = (await api.get(url, params={"limit": 1, "words": True}, headers=admin)).json()
    assert plain["words"] is None
    assert [word["text"] for word in full["segments"][0]["words"]] == [
        "ann",
        "<0>",
        "&",
        "so",
        "on",
    ]


@pytest.mark.parametrize(
    "params",
    [
        {"cursor": "garbage"},
        {"cursor": "AAAA" * 100},
        {"from": "yesterday"},
        {"min_confidence": "2"},
        {"limit": "0"},
        {"version": "newest"},
    ],
)
async def test_a_query_that_cannot_be_meant_is_refused(
    api: httpx.AsyncClient, meeting: Meeting, admin: dict[str, str], params: dict[str, str]
) -> None:
    answer = await api.get(f"/rooms/{meeting.sid}/transcript", params=params, headers=admin)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_cursor_of_another_query_is_refused(
    api: httpx.AsyncClient, meeting: Meeting, admin: dict[str, str]
) -> None:
    url = f"/rooms/{meeting.sid}/transcript"
    cursor = (await api.get(url, params={"limit": 2}, headers=admin)).json()["next_cursor"]
    params = {"cursor": cursor, "participant": "ben"}
    assert (await api.get(url, params=params, headers=admin)).status_code == 422


async def test_only_chunks_that_can_match_are_read(
    api: httpx.AsyncClient, services: Services, admin: dict[str, str]
) -> None:
    meeting = await Meeting.of(services.stores, "ann", "ben", started_ms=START)
    for speaker in meeting.speakers.values():
        await speaker.says(*(START + n * 1_000 for n in range(1_000)))  # five chunks each
    url = f"/rooms/{meeting.sid}/transcript"

    async def page(**params: object) -> dict[str, Any]:
        query = {name.rstrip("_"): str(value) for name, value in params.items()}
        found: dict[str, Any] = (await api.get(url, params=query, headers=admin)).json()
        return found

    late = await page(from_="990s", limit=1000)
    assert len(late["segments"]) == 20
    # The last chunk is full, so the one after it, which its writer may have begun, is asked for.
    assert late["chunks_read"] == 4
    assert (await page(limit=10))["chunks_read"] == 2
    assert (await page(participant="ann", from_="300s", to="310s"))["chunks_read"] == 1


async def test_subtitles_name_the_speaker_and_count_from_the_rooms_start(
    api: httpx.AsyncClient, meeting: Meeting, admin: dict[str, str]
) -> None:
    async def form(name: str) -> httpx.Response:
        return await api.get(f"/rooms/{meeting.sid}/transcript.{name}", headers=admin)

    vtt = await form("vtt")
    assert vtt.headers["content-type"] == "text/vtt; charset=utf-8"
    assert vtt.text.startswith("WEBVTT\n")
    assert "00:00:10.000 --> 00:00:10.900\n<v Ben>ben 0</v>" in vtt.text
    assert "<v Ann>ann &lt;0&gt; &amp; so on</v>" in vtt.text
    srt = await form("srt")
    assert "2\n00:00:10,000 --> 00:00:10,900\nBen: ben 0\n" in srt.text
    txt = await form("txt")
    assert txt.text.splitlines()[1] == "[00:00:10] Ben: ben 0"
    whole = (await form("json")).json()
    assert [s["text"] for s in whole["segments"]] == await texts(api, meeting, admin)
    assert whole["started_ms"] == START
