"""Small stand-ins for our own processes, so that the supervisor is tested without them."""

import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from parley_cli.stack.part import Part
from parley_cli.stack.parts import OUR_PARTS
from parley_cli.stack.plan import StackPlan
from parley_cli.stack.probes import http_ok

SCRIPT = Path(__file__).with_name("small_part.py")
SmallPart = Callable[[str], Path]


def small(name: str, folder: Path, needs: tuple[str, ...] = ()) -> Callable[[StackPlan], Part]:
    """What makes the stand-in of this name, which keeps its notes in the folder."""

    def part(plan: StackPlan) -> Part:
        return Part(
            name=name,
            argv=[sys.executable, "-I", "-S", str(SCRIPT), str(plan.ports[name]), str(folder)],
            url=plan.http(name),
            probe=http_ok(f"{plan.http(name)}/healthz"),
            needs=needs,
            stop_signals=((signal.SIGTERM, 0.5),),
        )

    return part


@pytest.fixture
def small_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Stand-ins for api, runner (needs api) and fleet (needs both); their folders by name."""
    needs = {"api": (), "runner": ("api",), "fleet": ("api", "runner")}
    folders = {name: tmp_path / f"notes-{name}" for name in needs}
    for name, needed in needs.items():
        folders[name].mkdir()
        monkeypatch.setitem(OUR_PARTS, name, small(name, folders[name], needed))
    return folders
