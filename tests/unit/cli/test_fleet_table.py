"""`parley fleet` shows what the fleet's `/pipelines` says, for every pipeline."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from parley.errors import SetupError
from parley_cli.commands.fleet import read_pipelines, table_of
from parley_cli.main import app

PIPELINES: list[dict[str, Any]] = [
    {
        "room_sid": "RM_one",
        "room": "standup",
        "track_sid": f"TR_{identity}",
        "identity": identity,
        "language": "en",
        "state": state,
        "reason": reason,
        "breaker": breaker,
        "failures": failures,
        "talking": talking,
        "muted": False,
        "queue": 7,
        "dropped": 0,
        "lag_ms": 812,
        "received_ratio": 0.9981,
        "speech_ratio": 0.21,
        "gaps": 0,
        "segments": 14,
        "captions_sent": 61,
        "captions_failed": 3,
    }
    for identity, state, reason, breaker, failures, talking in (
        ("bob", "cooling", "RecogniserError", "opened", 5, False),
        ("ann", "live", None, "closed", 0, True),
    )
]


class _Fleet(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert self.path == "/pipelines"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"pipelines": PIPELINES}).encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def fleet() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Fleet)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def _printed(pipelines: list[dict[str, Any]]) -> list[str]:
    console = Console(width=220, record=True, file=None)
    with console.capture() as capture:
        console.print(table_of(pipelines))
    return capture.get().splitlines()


def test_each_pipeline_is_a_line_with_its_figures(fleet: str) -> None:
    title, _, ann, bob = _printed(read_pipelines(fleet))
    assert title.strip() == "2 speakers, 1 talking"
    figures = "standup ann en live yes 7 0 812 100 % 21 % 0 closed 0 14 61 3"
    assert " ".join(ann.split()) == figures
    assert "cooling: RecogniserError" in bob
    assert bob.split()[-5:] == ["opened", "5", "14", "61", "3"]


def test_one_speaker_is_not_several() -> None:
    assert _printed(PIPELINES[:1])[0].strip() == "1 speaker, 0 talking"
    assert _printed([])[0].strip() == "0 speakers, 0 talking"


def test_the_command_prints_the_same_as_json(fleet: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_FLEET_URL", fleet)
    monkeypatch.setenv("PARLEY_AUTH_KEY", "k" * 32)
    result = CliRunner().invoke(app, ["fleet", "--json"])
    assert result.exit_code == 0
    assert json.loads(result.output) == PIPELINES


def test_a_fleet_that_is_away_is_a_sentence() -> None:
    with pytest.raises(SetupError, match=r"the fleet at .* does not answer"):
        read_pipelines("http://127.0.0.1:9")
