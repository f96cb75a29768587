"""Ctrl-C in the middle of a meeting leaves no process, no port and no half-written file."""

import signal
from pathlib import Path

import pytest

from parley_cli.stack.locks import is_held
from tests.e2e.parley_command import alive, family_of, listening, start

pytestmark = pytest.mark.timeout(300)


def test_a_demo_that_is_interrupted_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = start(tmp_path, "demo")
    assert demo.stdout is not None
    seen = []
    for line in demo.stdout:
        seen.append(line)
        if " s  Alice " in line:  # somebody was heard: everything is up and at work
            break
    assert " s  Alice " in seen[-1], "".join(seen)
    family = family_of(demo.pid)
    assert len(family) > 6
    assert listening(tmp_path)
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate()
    assert demo.returncode == 130, rest
    assert "Traceback" not in rest
    assert alive(family) == []
    assert listening(tmp_path) == []
    assert not is_held(tmp_path / "stack.lock")
    assert not (tmp_path / "demo" / "report.json").exists()
    left = [p for p in tmp_path.rglob("*") if p.suffix in {".part", ".new", ".tmp"}]
    assert [p for p in left if ".minio.sys" not in p.parts] == []
