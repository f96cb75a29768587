"""`parley doctor`: what it looks at, what it says to do, and its exit status."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from parley_cli.commands import doctor
from parley_cli.main import app


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Its findings on this machine by what they are of, and its exit status; no stack runs."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: str) -> tuple[dict[str, dict[str, str]], int]:
        answer = CliRunner().invoke(
            app, ["doctor", "--state-dir", str(tmp_path / "state"), "--json", *arguments]
        )
        findings = json.loads(answer.stdout)
        return {finding["what"]: finding for finding in findings}, answer.exit_code

    return run


def test_a_stack_that_was_never_started_is_no_fault(said: Any) -> None:
    findings, status = said()
    assert findings["stack"]["verdict"] == "note"
    assert "parley up" in findings["stack"]["do"]
    assert findings["disk"]["verdict"] == "ok"
    faults = [f for f in findings.values() if f["verdict"] in ("missing", "broken")]
    assert status == bool(faults)
    assert all(finding["do"] for finding in faults)


def test_a_model_folder_that_is_not_there_is(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_LIVE_MODELS", '{"en": "/nowhere/model"}')
    findings, status = said()
    assert findings["live model of en"]["verdict"] == "missing"
    assert "PARLEY_LIVE_MODELS" in findings["live model of en"]["do"]
    assert status == 1


def test_a_full_disk_is(said: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LEAST_FREE_BYTES", 1 << 60)
    findings, status = said()
    assert findings["disk"]["verdict"] == "missing"
    assert status == 1


@pytest.mark.parametrize(
    ("cpuinfo", "blis", "verdict"),
    [
        ("flags : avx2 fma", False, "note"),
        ("flags : avx2 fma", True, "ok"),
        ("flags : sse", False, None),
    ],
)
def test_the_matrix_library_is_spoken_of_where_it_matters(
    said: Any, monkeypatch: pytest.MonkeyPatch, cpuinfo: str, blis: bool, verdict: str | None
) -> None:
    monkeypatch.setattr(doctor, "cpuinfo", lambda: cpuinfo)
    monkeypatch.setattr(doctor, "has_blis", lambda: blis)
    finding = said()[0].get("matrix library")
    assert (finding and finding["verdict"]) == verdict
    if verdict == "note":
        assert finding is not None
        assert "libblis4-serial" in finding["do"]
