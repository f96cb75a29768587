"""A whole meeting, as a person holds it: from `parley up` to a summary that cites the words."""

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from parley.auth import mint
from parley.blobs import BlobStore, timeline_key
from parley.domain.timeline import Timeline
from parley_cli.api import Api
from parley_cli.connection import connected
from parley_cli.demo.script import MEETING
from tests.e2e.parley_command import alive, ask, family_of, listening, run, supervisor_pid
from tests.integration.fleet.conftest import eventually
from tests.integration.fleet.ear import Ear
from tests.integration.fleet.speech import Person, say, silence

pytestmark = pytest.mark.timeout(1200)

IDENTITIES = {actor.identity for actor in MEETING.cast}
STAYS = 5  # one of the four leaves and returns


@pytest.fixture(scope="module")
def meeting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The state folder of a stack in which the demo was held, and what the demo printed."""
    state = tmp_path_factory.mktemp("meeting")
    run(state, "up", "--detach")
    try:
        yield state, run(state, "demo", "--room", "weekly")
    finally:
        family = family_of(supervisor_pid(state))
        run(state, "down")
        assert alive(family) == []
        assert listening(state) == []


@pytest.fixture(scope="module")
def report(meeting: tuple[Path, str]) -> dict[str, Any]:
    """The demo's figures."""
    return dict(json.loads((meeting[0] / "demo" / "report.json").read_text()))


@pytest.fixture(scope="module")
def transcripts(meeting: tuple[Path, str]) -> dict[str, list[dict[str, Any]]]:
    """Both transcripts of the room."""
    state, _ = meeting
    return {v: ask(state, "transcript", "weekly", "--version", v) for v in ("live", "final")}


def test_every_speaker_is_captioned(meeting: tuple[Path, str]) -> None:
    _, printed = meeting
    captioned = set(re.findall(r"^ *[\d.]+ s  (\w+) ", printed, re.MULTILINE))
    assert captioned >= {actor.name for actor in MEETING.cast}


def test_the_room_is_completed_with_all_its_tracks(meeting: tuple[Path, str]) -> None:
    state, _ = meeting
    (room,) = [room for room in ask(state, "rooms") if room["name"] == "weekly"]
    assert room["status"] == "completed"
    assert len(room["tracks"]) == STAYS
    assert room["pending_tracks"] == []
    assert room["summary"]["status"] == "done"


def test_the_audit_finds_every_track_complete(meeting: tuple[Path, str]) -> None:
    state, _ = meeting
    audit = ask(state, "audit", "weekly")
    verdicts = {track["verdict"] for track in audit["tracks"]}
    assert audit["complete"], verdicts
    assert len(audit["tracks"]) == STAYS
    assert {track["recorded_by"] for track in audit["tracks"]} == {"agent"}
    printed = run(state, "audit", "weekly")
    assert f"the record is complete: {STAYS} of {STAYS} tracks" in printed


def test_reconciling_finds_nothing_to_repair(meeting: tuple[Path, str]) -> None:
    state, _ = meeting
    report = ask(state, "reconcile")
    assert (report["repairs"], report["failed"]) == ({}, 0)


def test_what_was_said_is_in_both_transcripts(report: dict[str, Any]) -> None:
    assert report["live_wer"] <= 0.15
    assert report["final_wer"] <= 0.10


def test_every_segment_is_its_speakers(
    transcripts: dict[str, list[dict[str, Any]]], report: dict[str, Any]
) -> None:
    for version, segments in transcripts.items():
        assert {s["identity"] for s in segments} == IDENTITIES
        assert all(s["id"].startswith(f"{s['track_sid']}.{version}.") for s in segments)
        assert len({s["id"] for s in segments}) == len(segments)
        starts = [s["start_ms"] for s in segments]
        assert starts == sorted(starts)
    final = transcripts["final"]
    counts = {who: sum(s["identity"] == who for s in final) for who in IDENTITIES}
    assert report["segments"] == counts


def test_who_left_and_returned_has_two_tracks(
    transcripts: dict[str, list[dict[str, Any]]],
) -> None:
    tracks = {
        who: {s["track_sid"] for s in transcripts["final"] if s["identity"] == who}
        for who in IDENTITIES
    }
    assert {who: len(found) for who, found in tracks.items()} == {
        "alice": 1,
        "bob": 2,
        "carol": 1,
        "david": 1,
    }


def test_what_was_spoken_is_recorded(report: dict[str, Any]) -> None:
    assert report["spoken_s"] > 30
    assert report["max_track_gap_s"] <= 0.5


def test_the_summary_gives_each_their_tasks_and_cites_who_said_so(
    meeting: tuple[Path, str], transcripts: dict[str, list[dict[str, Any]]], report: dict[str, Any]
) -> None:
    state, _ = meeting
    content = ask(state, "summary", "weekly")["content"]
    said = {s["id"] for segments in transcripts.values() for s in segments}
    tasks = {
        entry["participant_identity"]: entry["participant_actions"]
        for entry in content["action_items"]
    }
    assert tasks.keys() <= IDENTITIES
    for actions in tasks.values():
        for action in actions:
            assert action["segment_ids"]
            assert set(action["segment_ids"]) <= said
    found = [
        wanted
        for wanted in MEETING.actions
        if any(wanted.about in a["text"].lower() for a in tasks.get(wanted.identity, []))
    ]
    assert len(found) >= len(MEETING.actions) - 1, tasks  # one may be misheard
    assert report["summaries"] == 1
    assert report["cited_segments_valid"] is True


def test_the_report_has_the_figures_that_it_promises(report: dict[str, Any]) -> None:
    assert report.keys() == {
        "captions",
        "live_wer",
        "final_wer",
        "spoken_s",
        "recorded_s",
        "max_track_gap_s",
        "segments",
        "summaries",
        "cited_segments_valid",
        "stages_s",
    }
    figures = {"partial_p50_ms", "partial_p95_ms", "final_p50_ms", "final_p95_ms"}
    assert report["captions"].keys() == figures
    happened = {"meeting", "recordings", "transcripts", "completion", "summary"}
    assert report["stages_s"].keys() >= happened


async def test_the_assistant_is_in_the_record_as_itself(meeting: tuple[Path, str]) -> None:
    state, _ = meeting
    settings = connected(state)
    promise = "I will book the meeting room tomorrow."
    async with Api(settings) as api:
        sid = await api.create_room("announced")
        ear = Ear(settings.livekit_url, await api.join_token(sid, "ear", "Ear"))
        await ear.join()
        alice = Person(settings.livekit_url, await api.join_token(sid, "alice", "Alice"))
        await alice.join()
        await alice.publish()
        await alice.speak(silence(1))
        await alice.speak(say("i will send the report on friday"))
        request = await asyncio.to_thread(ask, state, "say", "announced", promise)
        await asyncio.gather(alice.speak(silence(1)), ear.told(request["id"], "done", 60.0))
        agent = ear.agent
        await api.finalize(sid)
        await alice.leave()
        await ear.leave()

        async def summarised() -> bool:
            return bool((await api.room(sid))["summary"]["status"] == "done")

        await eventually(summarised, 120.0, "the room's summary")
        said = [s async for s in api.transcript(sid, version="final") if s["kind"] == "assistant"]
        tracks = [t for t in await api.tracks(sid) if t["kind"] == "assistant"]
        content = (await api.summary(sid)).content
    assert [(s["identity"], s["name"], s["text"]) for s in said] == [(agent, "Parley", promise)]
    assert [(t["status"], t["attempts"]) for t in tracks] == [("transcribed", 1)]
    timeline = Timeline.model_validate_json(
        await BlobStore.from_settings(settings).get(timeline_key(sid))
    )
    assert {p.identity: p.kind for p in timeline.participants} == {
        agent: "assistant",
        "alice": "person",
    }
    assert promise in [s.text for s in timeline.segments if s.identity == agent]
    assert timeline.missing == ()
    assert {items.participant_identity for items in content.action_items} <= {"alice"}


def phrases(texts: list[str], length: int = 4) -> set[str]:
    """All runs of so many words, in lower case; long enough that no log line has one by chance."""
    words = [re.findall(r"[\w']+", text.lower()) for text in texts]
    return {" ".join(line[n : n + length]) for line in words for n in range(len(line) - length + 1)}


async def test_what_was_said_is_in_no_log_metric_key_or_error_and_is_gone_once_erased(
    meeting: tuple[Path, str], transcripts: dict[str, list[dict[str, Any]]]
) -> None:
    """The last test of this stack: it erases the meeting."""
    state, _ = meeting
    settings = connected(state)
    token = mint(settings, sub="canary", role="admin")
    blobs = BlobStore.from_settings(settings)
    content = json.dumps(ask(state, "summary", "weekly")["content"])
    said = [s["text"] for segments in transcripts.values() for s in segments]
    secret = phrases([*said, *re.findall(r'"text": "([^"]*)"', content)])
    assert len(secret) > 60
    line = max((s["text"] for s in transcripts["final"]), key=len)
    told: dict[str, str] = {}
    async with httpx.AsyncClient(
        base_url=settings.api_url, headers={"Authorization": f"Bearer {token}"}, timeout=30
    ) as api:
        [room] = (await api.get("/rooms", params={"name": "weekly"})).json()["rooms"]
        sid = room["sid"]
        found = await api.get(f"/rooms/{sid}/transcript", params={"text": line})
        assert line in [s["text"] for s in found.json()["segments"]]
        told["keys"] = " ".join(await blobs.list_keys(""))
        for number, (method, path, query, body) in enumerate(
            (
                ("GET", f"/rooms/{sid}/transcript", {"from": line[:20]}, None),
                ("GET", f"/rooms/{sid}/transcript", {"min_confidence": line}, None),
                ("GET", f"/rooms/{sid}/transcript", {"cursor": line}, None),
                ("GET", f"/rooms/{line}/transcript", {}, None),
                ("POST", f"/rooms/{sid}/say", {}, {"text": line}),
                ("POST", f"/rooms/{sid}/say", {}, {"text": line, "speed": line}),
                ("POST", "/rooms", {}, {"name": line * 9}),
                ("POST", "/webhooks/livekit", {}, {"text": line}),
            )
        ):
            answer = await api.request(method, path, params=query, json=body)
            assert answer.is_client_error, (method, path)
            told[f"error {number}"] = answer.text
        assert (await api.delete(f"/rooms/{sid}")).status_code == 204
        assert (await api.get(f"/rooms/{sid}/transcript")).status_code == 404
        assert not [key for key in await blobs.list_keys("") if sid in key]
        told["the API's metrics"] = (await api.get("/metrics")).text
        told["the fleet's metrics"] = (await api.get(f"{settings.fleet_url}/metrics")).text
    told |= {log.name: log.read_text() for log in (state / "logs").glob("*.log")}
    assert {"api.log", "fleet.log", "runner.log"} <= told.keys()
    assert sid in told["fleet.log"], "the logs do tell of the room"
    leaks = {
        (where, phrase)
        for where, text in told.items()
        for phrase in secret
        if phrase in text.lower()
    }
    assert leaks == set()
