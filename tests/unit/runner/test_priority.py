"""The runner's session yields to others, but only when the session is its own."""

import subprocess
import sys
from pathlib import Path

CODE = "import sys; from pathlib import Path; from parley_cli.runner.priority import give_way; "
CODE += "give_way(Path(sys.argv[1]))"


def given_way(tmp_path: Path, *, own_session: bool) -> bool:
    autogroup = tmp_path / "autogroup"
    command = [sys.executable, "-c", CODE, str(autogroup)]
    subprocess.run(command, check=True, start_new_session=own_session)
    return autogroup.exists() and autogroup.read_text() == "5"


def test_a_session_of_its_own_yields(tmp_path: Path) -> None:
    assert given_way(tmp_path, own_session=True)


def test_a_terminals_session_is_left_alone(tmp_path: Path) -> None:
    assert not given_way(tmp_path, own_session=False)


def test_a_kernel_without_autogroups_is_fine(tmp_path: Path) -> None:
    missing = tmp_path / "no" / "autogroup"
    subprocess.run([sys.executable, "-c", CODE, str(missing)], check=True, start_new_session=True)
    assert not missing.exists()
