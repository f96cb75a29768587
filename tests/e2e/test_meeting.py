"""A whole meeting, as a person holds it: from `parley up` to a summary that cites the words."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parley_cli.demo.script import MEETING
from tests.e2e.parley_command import alive, ask, family_of, listening, run, supervisor_pid

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
