"""Locks between processes, held by an open file: the kernel frees them when the holder dies."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file, waiting for whoever holds it now."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class HeldError(Exception):
    """Another process holds the lock."""


class Lock:
    """A lock that is taken at once or not at all, and kept until released."""

    def __init__(self, path: Path) -> None:
        """Lock this file; it is made where it is missing and never removed."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("a")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise HeldError(str(path)) from None

    def release(self) -> None:
        """Let others take it."""
        self._file.close()


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock file."""
    if not path.exists():
        return False
    try:
        Lock(path).release()
    except HeldError:
        return True
    return False
