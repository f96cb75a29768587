"""The state folder: private, replaced in one step, secrets that last."""

import stat
from pathlib import Path

import pytest

from parley.errors import SetupError
from parley_cli.stack.state import StackSecrets, StackState, StateFolder


def test_the_folder_and_its_file_are_for_the_owner_only(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path / "state")
    folder.make()
    folder.write(StackState())
    file = tmp_path / "state" / "stack.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    assert [path.name for path in (tmp_path / "state").glob("stack.json*")] == ["stack.json"]


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    folder.make()
    state = StackState(phase="ready", ports={"api": 20_001}, environment={"PARLEY_API_URL": "x"})
    folder.write(state)
    assert folder.read() == state


def test_no_file_is_no_state(tmp_path: Path) -> None:
    assert StateFolder(tmp_path).read() is None


def test_a_broken_file_is_one_sentence_that_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text('{"phase": "rea')
    with pytest.raises(SetupError, match="delete it or the whole state folder"):
        StateFolder(tmp_path).read()


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="cannot be made"):
        StateFolder(tmp_path / "file" / "state").make()


def test_every_state_folder_has_keys_of_its_own() -> None:
    one, other = StackSecrets().model_dump(), StackSecrets().model_dump()
    assert all(one[name] != other[name] for name in one)
    assert len(one["livekit_api_secret"]) >= 32
    assert len(one["auth_key"]) >= 32
