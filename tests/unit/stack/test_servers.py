"""Finding and building servers: PATH first, then a build named by its content."""

import shutil
import threading
from pathlib import Path

import pytest

from parley.errors import SetupError
from parley_cli.stack import build, servers
from parley_cli.stack.build import ensure
from parley_cli.stack.servers import SERVERS, Server, Toolchain, build_folder, find, server

FAKE_GO = """#!/bin/sh
# Stands in for the compiler: copies main.go to the file that -o names.
echo run >> "$COUNT_FILE"
while [ "$1" != -o ]; do shift; done
grep -q broken main.go && { echo "main.go:1: it is broken"; exit 1; }
cp main.go "$2"
"""


@pytest.fixture
def thing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """A server whose module is one file, with a compiler that copies it."""
    monkeypatch.setattr(servers, "MODULES", tmp_path / "modules")
    monkeypatch.setenv("PARLEY_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("COUNT_FILE", str(tmp_path / "count"))
    (tmp_path / "modules" / "thing").mkdir(parents=True)
    (tmp_path / "modules" / "thing" / "main.go").write_text("one")
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "go").write_text(FAKE_GO)
    (tools / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:/usr/bin:/bin")
    return Server("thing", "thing-server", Toolchain.GO, "thing", ".")


def builds(tmp_path: Path) -> int:
    count = tmp_path / "count"
    return len(count.read_text().splitlines()) if count.exists() else 0


def test_a_build_is_made_once_and_found_again(thing: Server, tmp_path: Path) -> None:
    assert find(thing) is None
    first = ensure(thing)
    assert first.built
    assert first.path.read_text() == "one"
    assert ensure(thing) == first == find(thing)
    assert builds(tmp_path) == 1


def test_a_change_of_the_module_is_another_build(thing: Server, tmp_path: Path) -> None:
    first = ensure(thing)
    (thing.module / "main.go").write_text("two")
    second = ensure(thing)
    assert second.path != first.path
    assert second.path.read_text() == "two"
    assert first.path.read_text() == "one"


def test_what_maven_leaves_in_the_module_changes_nothing(thing: Server) -> None:
    before = build_folder(thing)
    (thing.module / "target").mkdir()
    (thing.module / "target" / "classes").write_text("x")
    assert build_folder(thing) == before


def test_a_program_on_path_comes_first(thing: Server, tmp_path: Path) -> None:
    ensure(thing)
    shutil.copy("/bin/true", tmp_path / "tools" / "thing-server")
    program = ensure(thing)
    assert program.path == tmp_path / "tools" / "thing-server"
    assert not program.built


def test_a_failed_build_leaves_nothing_and_says_why(thing: Server, tmp_path: Path) -> None:
    (thing.module / "main.go").write_text("broken")
    with pytest.raises(SetupError, match="it is broken") as caught:
        ensure(thing)
    assert str(tmp_path / "cache" / "servers" / "thing.log") in str(caught.value)
    assert find(thing) is None
    assert [p.name for p in (tmp_path / "cache" / "servers").iterdir() if p.is_dir()] == []


def test_a_half_build_of_a_killed_process_is_not_used_and_removed(
    thing: Server, tmp_path: Path
) -> None:
    left_over = tmp_path / "cache" / "servers" / ".building-thing-x"
    (left_over / "product").mkdir(parents=True)
    (left_over / "product" / "thing").write_text("half")
    assert find(thing) is None
    assert ensure(thing).path.read_text() == "one"
    assert not left_over.exists()


def test_builders_at_the_same_time_build_once(thing: Server, tmp_path: Path) -> None:
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(ensure(thing).path)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert builds(tmp_path) == 1


@pytest.mark.parametrize("name", list(SERVERS))
def test_a_missing_tool_is_one_sentence_that_says_what_to_install(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SetupError) as caught:
        ensure(server(name))
    sentence = str(caught.value)
    assert "needed to build" in sentence
    assert server(name).toolchain.install in sentence
    assert sentence.count(".") == sentence.rstrip(".").count(".") + 1


def test_the_command_says_one_sentence_and_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PARLEY_CACHE_DIR", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert build.main(["livekit"]) == 1
    assert "install Go" in capsys.readouterr().err
    assert build.main(["nothing-such"]) == 1
    assert "no server called 'nothing-such'" in capsys.readouterr().err


def test_every_server_has_its_module() -> None:
    for each in SERVERS.values():
        assert any(each.module.iterdir()), each.name
