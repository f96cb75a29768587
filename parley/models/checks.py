"""Whether files on disk are what the catalogue pins."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from parley.models.errors import ModelCorruptError
from parley.models.sources import File


def looks_complete(folder: Path, files: Iterable[File]) -> bool:
    """True when every file is in the folder with its exact size (no hash: it is asked often)."""
    return all(
        (folder / file.name).is_file() and (folder / file.name).stat().st_size == file.size
        for file in files
    )


def check(path: Path, file: File) -> None:
    """Compare one file's bytes with its pin.

    Raises:
        ModelCorruptError: its size or SHA-256 differs; the file is deleted, so that the next
            try starts afresh.
    """
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if path.stat().st_size == file.size and digest == file.sha256:
        return
    path.unlink()
    raise ModelCorruptError(
        f"{file.name} isn't the published file (its SHA-256 is {digest[:12]}…, expected "
        f"{file.sha256[:12]}…). It was deleted: try again; if it stays so, don't use this source."
    )
