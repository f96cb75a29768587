"""Finds the stack that a command talks to: a running one, or what the settings name."""

import os
from pathlib import Path

from parley.errors import SetupError
from parley.settings import Settings
from parley_cli.stack.locks import is_held
from parley_cli.stack.state import StackState, StateFolder


def running_stack(state_dir: Path) -> StackState | None:
    """The stack that runs and serves in this state folder, or None."""
    folder = StateFolder(state_dir)
    if not is_held(folder.lock):
        return None
    state = folder.read()
    return state if state is not None and state.phase == "ready" else None


def settings_of(state: StackState) -> Settings:
    """The settings with which this process finds a stack; they go into its environment."""
    os.environ.update(state.environment)
    return Settings()


def connected(state_dir: Path | None = None) -> Settings:
    """The settings of the running stack, else those of the environment when they name one.

    Args:
        state_dir: state folder; without it the settings' own.

    Raises:
        SetupError: no stack runs there, and no other is configured.
    """
    settings = Settings()
    folder = state_dir or settings.state_dir
    if (state := running_stack(folder)) is not None:
        return settings_of(state)
    if state_dir is None and settings.auth_key.get_secret_value():
        return settings
    raise SetupError(
        f"no stack runs in {folder}: start one with `parley up`, "
        "or point PARLEY_API_URL and PARLEY_AUTH_KEY at another"
    )
