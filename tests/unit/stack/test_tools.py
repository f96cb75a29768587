"""Looking at the machine's tools: versions read from what they print, missed only when needed."""

from pathlib import Path

import pytest

from parley_cli.stack import tools
from parley_cli.stack.servers import Program
from parley_cli.stack.tools import GO, JAVA, MAVEN, NODE, Tool, check_tools, installed_version

PRINTED = [
    (GO, "go version go1.26.8 linux/amd64", (1, 26, 8)),
    (JAVA, 'openjdk version "17.0.15" 2025-04-15\nOpenJDK Runtime Environment', (17, 0, 15)),
    (MAVEN, "\x1b[1mApache Maven 3.8.7\x1b[m\nMaven home: /usr/share/maven", (3, 8, 7)),
    (NODE, "v20.19.2", (20, 19, 2)),
    (JAVA, 'openjdk version "21" 2023-09-19', (21,)),
]


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH, empty."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def put(folder: Path, name: str, prints: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n/bin/cat <<'END'\n{prints}\nEND\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(("tool", "prints", "version"), PRINTED)
def test_versions_are_read(path: Path, tool: Tool, prints: str, version: tuple[int, ...]) -> None:
    put(path, tool.name, prints)
    assert installed_version(tool) == version


def test_a_tool_that_prints_no_version_has_none(path: Path) -> None:
    put(path, "go", "unknown command")
    assert installed_version(GO) is None


def test_missing_and_old_tools_are_faults_while_they_are_needed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "find", lambda _: None)
    put(path, "java", 'openjdk version "11.0.2" 2019-01-15')
    checks = {check.name: check for check in check_tools()}
    assert checks["python"].ok
    assert not checks["go"].ok
    assert checks["go"].sentence == f"not on PATH: {GO.install}"
    assert not checks["java"].ok
    assert checks["java"].sentence == f"11.0.2 is too old: {JAVA.install}"
    assert not checks["mvn"].ok
    assert checks["node"].ok


def test_nothing_is_missed_once_everything_is_built(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "find", lambda _: Program(path / "x", built=True))
    faults = [check.name for check in check_tools() if not check.ok]
    assert faults == ["java"]  # it runs the database
    monkeypatch.setattr(tools, "find", lambda _: Program(path / "x", built=False))
    assert all(check.ok for check in check_tools())
