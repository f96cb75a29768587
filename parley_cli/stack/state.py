"""What a stack keeps in its state folder between runs and tells others while it runs."""

import json
import os
import secrets
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field, ValidationError

from parley.errors import SetupError

Phase = Literal["starting", "ready", "stopping", "stopped", "failed"]


class PartState(BaseModel):
    """One part as it is now.

    Attributes:
        pid: its process, or None while it does not run.
        created_s: when that process began, in seconds since the epoch: pids come again.
        url: where it is reached.
        log: its log file.
        restarts: how often it was started again because it died.
    """

    pid: int | None = None
    created_s: float | None = None
    url: str
    log: str
    restarts: int = 0


class StackSecrets(BaseModel):
    """Keys of one state folder, random and never shown."""

    livekit_api_key: str = Field(default_factory=lambda: "key" + secrets.token_hex(6))
    livekit_api_secret: str = Field(default_factory=lambda: secrets.token_urlsafe(32))
    s3_access_key: str = Field(default_factory=lambda: secrets.token_hex(8))
    s3_secret_key: str = Field(default_factory=lambda: secrets.token_urlsafe(24))
    auth_key: str = Field(default_factory=lambda: secrets.token_urlsafe(32))


class StackState(BaseModel):
    """The file `stack.json`: readable by its owner only, for it holds the keys.

    Attributes:
        phase: where the stack is between start and stop.
        supervisor_pid: the process that runs it.
        started_ms: when that process began to start it.
        failure: the sentence that says why it failed.
        ports: by part name; used again next time if they are free.
        parts: by name.
        environment: the `PARLEY_` variables with which anything finds this stack.
    """

    phase: Phase = "stopped"
    supervisor_pid: int | None = None
    started_ms: int | None = None
    failure: str | None = None
    ports: dict[str, int] = Field(default_factory=dict)
    secrets: StackSecrets = Field(default_factory=StackSecrets)
    parts: dict[str, PartState] = Field(default_factory=dict)
    environment: dict[str, str] = Field(default_factory=dict)


class StateFolder:
    """The state folder: `stack.json`, `stack.lock`, `logs/` and a folder for each server's data."""

    def __init__(self, path: Path) -> None:
        """Use this folder; nothing is made yet."""
        self.path = path.expanduser().absolute()
        self.lock = self.path / "stack.lock"
        self.logs = self.path / "logs"
        self._file = self.path / "stack.json"

    def make(self) -> None:
        """Make the folder, for its owner only; raises `SetupError` where that cannot be."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.logs.mkdir(exist_ok=True)
        except OSError as error:
            raise SetupError(
                f"The state folder {self.path} cannot be made: {error.strerror}."
            ) from error

    def read(self) -> StackState | None:
        """What `stack.json` says, or None where there is none."""
        try:
            return StackState.model_validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise SetupError(
                f"{self._file} cannot be read: delete it or the whole state folder, and try again."
            ) from error

    def write(self, state: StackState) -> None:
        """Replace `stack.json` in one step."""
        new = self._file.with_suffix(".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            json.dump(state.model_dump(), file, indent=2)
        new.replace(self._file)
