"""The environments of a local deployment: LocalStack, SAM and AWS's runtime client, each its own.

They are made from hash-locked requirements on first use and kept; none of them is a dependency of
Parley. All have the Python of the deployed functions: LocalStack 4.14 runs on no older one.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from parley.errors import SetupError

ROOT = Path(__file__).resolve().parents[2]
UV = ROOT / ".tools" / "bin" / "uv"
EXECUTOR = ROOT / "infra" / "local" / "executor"
PYTHON = "3.13"
"""Of the environments and of the functions that run in them, as on AWS."""


@dataclass(frozen=True)
class Environment:
    """One virtual environment.

    Attributes:
        name: also the name of its locked requirements, `requirements/{name}.txt`.
        own: a package of ours that goes into it.
    """

    name: str
    own: Path | None = None

    @property
    def folder(self) -> Path:
        """Where it is."""
        return ROOT / f".venv-{self.name}"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def program(self, name: str) -> Path:
        """A program in it."""
        return self.folder / "bin" / name

    def ensure(self) -> None:
        """Make it, or bring it up to date; does nothing when its requirements are unchanged.

        Raises:
            SetupError: there is no such Python, or a package cannot be installed.
        """
        if reason := unsupported():
            raise SetupError(reason)
        stamp, wanted = self.folder / ".installed", self._digest()
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        requirements = ROOT / "requirements" / f"{self.name}.txt"
        self._uv("venv", "--quiet", "--allow-existing", "--python", str(find_python()), self.folder)
        self._uv("pip", "sync", "--quiet", *self._here(), "--require-hashes", requirements)
        if self.own:
            self._uv("pip", "install", "--quiet", *self._here(), "--no-deps", self.own)
        stamp.write_text(wanted)

    def _here(self) -> tuple[str | Path, ...]:
        return "--python", self.python

    def _digest(self) -> str:
        files = [ROOT / "requirements" / f"{self.name}.txt"]
        if self.own:
            files += [self.own / "pyproject.toml", *sorted(self.own.glob("*.py"))]
        return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()

    def _uv(self, *arguments: str | Path) -> None:
        done = subprocess.run([UV, *arguments], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise SetupError(f"{self.folder.name} cannot be made: {done.stderr.strip()[-500:]}")


@lru_cache
def find_python(version: str = PYTHON) -> Path | None:
    """An interpreter of a version (`3.13`) on this machine: on PATH, pyenv's, or uv's own."""
    candidates = [Path(found)] if (found := shutil.which(f"python{version}")) else []
    versions = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    candidates += sorted(versions.glob(f"{version}.*/bin/python{version}"), reverse=True)
    ask = [UV, "python", "find", "--managed-python", "--no-python-downloads", version]
    if UV.exists():
        managed = subprocess.run(ask, capture_output=True, text=True, check=False)
        candidates += [Path(managed.stdout.strip())] if managed.returncode == 0 else []
    # One on PATH may be a shim that answers for a version that is not active.
    return next((path for path in candidates if _runs(path, version)), None)


def _runs(python: Path, version: str) -> bool:
    ask = [python, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        done = subprocess.run(ask, capture_output=True, text=True, check=False)
    except OSError:
        return False
    return done.stdout.strip() == version


def unsupported() -> str | None:
    """Why this machine as it is cannot run a local deployment, in a sentence; None when it can."""
    if sys.platform != "linux":
        return "A local deployment runs the functions' Linux packages, so it needs Linux."
    if find_python() is None:
        return f"A local deployment needs Python {PYTHON}: `uv python install {PYTHON}` fetches it."
    return None


LOCALSTACK = Environment("localstack", own=EXECUTOR)
SAM = Environment("sam")
LAMBDA = Environment("lambda")
