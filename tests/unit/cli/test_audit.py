"""`parley audit` and `parley reconcile`: what they print, and their exit status."""

import json
from collections import Counter
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from parley.domain.room import Room
from parley.domain.track import EgressState, Recording, Track, TrackEgress, TrackStatus
from parley.rooms.audit import audit_track
from parley.rooms.reconcile import Report
from parley.rooms.repair import TrackRepair
from parley.settings import Settings
from parley_cli.api import Api
from parley_cli.commands import audit
from parley_cli.main import app

SETTINGS = Settings(api_url="http://127.0.0.1:1", auth_key=SecretStr("k" * 40))
ROOM = Room(id="RM_a", name="weekly", registered_ms=1)
RECORDING = Recording(method="agent", key="k", started_ms=500, ended_ms=60_500, samples=60 * 48_000)


def audited(identity: str, **changes: Any) -> dict[str, Any]:
    """What the API says of a track of a minute."""
    good: dict[str, Any] = {
        "status": TrackStatus.EMPTY,
        "published_ms": 100,
        "unpublished_ms": 60_900,
        "recording": RECORDING,
    }
    track = Track(id=f"TR_{identity}", room_sid="RM_a", identity=identity, **(good | changes))
    return audit_track(track, ROOM, [], [], 100_000).model_dump(mode="json")


ANN = audited("ann")
BEN = audited(
    "ben",
    recording=None,
    status=TrackStatus.LIVE,
    egress=TrackEgress(state=EgressState.FAILED, requested_ms=1, error="no worker"),
)


def run(monkeypatch: pytest.MonkeyPatch, tracks: list[dict[str, Any]], *arguments: str) -> Any:
    """Run `parley audit` against an API that gives this answer."""
    answers = {
        "/rooms/RM_a": {"sid": "RM_a"},
        "/rooms/RM_a/tracks": {
            "tracks": [
                {"sid": t["track_sid"], "name": t["identity"].title(), "identity": t["identity"]}
                for t in tracks
            ]
        },
        "/rooms/RM_a/audit": {
            "room_sid": "RM_a",
            "complete": all(t["complete"] for t in tracks),
            "tracks": tracks,
        },
    }

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=answers[request.url.path])

    monkeypatch.setattr(audit, "connected", lambda _: SETTINGS)
    transport = httpx.MockTransport(answer)
    monkeypatch.setattr(audit, "Api", lambda settings: Api(settings, transport=transport))
    return CliRunner().invoke(app, ["audit", "RM_a", *arguments])


def test_a_complete_room_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, [ANN])
    assert done.exit_code == 0, done.output
    assert "Ann: complete: all of it is recorded, and nobody spoke" in done.output
    assert "the record is complete: 1 of 1 tracks" in done.output
    assert "1:00.0" in done.output


def test_what_is_missing_is_said_track_by_track(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, [ANN, BEN])
    assert done.exit_code == 1
    assert "Ben: not recorded yet" in done.output
    assert "recorded by the agent, since egress did not: no worker" in done.output
    assert "the record is not complete: 1 of 2 tracks lack something" in done.output


def test_json_is_what_the_api_says(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, [ANN, BEN], "--json")
    assert done.exit_code == 1
    assert json.loads(done.output)["tracks"] == [ANN, BEN]


def test_an_empty_room_is_no_incomplete_one(monkeypatch: pytest.MonkeyPatch) -> None:
    done = run(monkeypatch, [])
    assert (done.exit_code, done.output.strip()) == (
        0,
        "nobody has published audio in this room",
    )


@pytest.mark.parametrize(("failed", "status"), [(0, 0), (1, 1)])
def test_reconciling_says_what_was_repaired(
    monkeypatch: pytest.MonkeyPatch, failed: int, status: int
) -> None:
    async def run(_: Settings) -> Report:
        repairs = Counter({"requeue": 2, "late-objects": 0})
        return Report(seen={"RM_a", "RM_b"}, repairs=repairs, failed=failed)

    monkeypatch.setattr(audit, "connected", lambda _: SETTINGS)
    monkeypatch.setattr(audit, "configure_logs", lambda *_: None)
    monkeypatch.setattr("functions.reconcile.handler.run", run)
    done = CliRunner().invoke(app, ["reconcile"])
    assert done.exit_code == status, done.output
    assert "2 × a recording was queued again for its transcript" in done.output
    assert "2 rooms looked at, 2 repairs" in done.output
    assert ("1 could not be looked at" in done.output) == bool(failed)
    told = CliRunner().invoke(app, ["reconcile", "--json"]).output
    assert json.loads(told) == {"rooms": 2, "repairs": {"requeue": 2}, "failed": failed}


def test_every_repair_of_a_track_has_its_words() -> None:
    assert audit.REPAIRS.keys() >= {r.value for r in TrackRepair} - {"nothing"}
