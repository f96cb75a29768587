"""Puts a deployable's files into a folder: locked packages without ballast, and our own sources."""

import json
import os
import shutil
import subprocess
from pathlib import Path

from infra.local.environments import find_python
from infra.package.parts import Part
from parley.errors import SetupError

ROOT = Path(__file__).resolve().parents[2]
UV = ROOT / ".tools" / "bin" / "uv"
LAMBDA_CLIENT = ROOT / "requirements" / "lambda.txt"

# Amazon Linux 2023 and Debian 12 both run what is built for glibc 2.28.
PLATFORM = "x86_64-manylinux_2_28"
# Pure Python that its authors publish as source only.
SOURCE_ONLY = ("breadability", "docopt")

# botocore describes every AWS service; these are the ones that we call.
SERVICES = frozenset({"s3", "sqs", "secretsmanager", "ssm", "sts", "sso", "sso-oidc", "signin"})
# Never imported at run time, or different at every install.
BALLAST_FOLDERS = frozenset({"__pycache__", "tests"})
BALLAST_SUFFIXES = frozenset({".pyi", ".pyx", ".pxd", ".h", ".c"})
BALLAST_INFO = frozenset({"RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})


def assemble(part: Part, folder: Path, python: str) -> None:
    """Fill a folder with all that a part runs with; what was in it is deleted.

    Args:
        part: the deployable.
        folder: where to.
        python: version of the Python that will run it, as `3.13`.

    Raises:
        SetupError: this machine does not have that Python.
        subprocess.CalledProcessError: a package could not be installed; uv has said why.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    _install(ROOT / "requirements" / "deploy" / f"{part.lock}.txt", folder, python)
    if part.lambda_client:
        _install(LAMBDA_CLIENT, folder, python)
    _prune(folder)
    for source in part.sources:
        _copy(source, folder)
    _compile(folder, python)
    if part.kind == "image":
        about = {"entry": part.entry, "python": python}
        (folder / "image.json").write_text(json.dumps(about) + "\n")


def _install(requirements: Path, folder: Path, python: str) -> None:
    command = [UV, "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--target", folder, "--python-version", python, "--python-platform", PLATFORM]
    command += ["--only-binary", ":all:"]
    for name in SOURCE_ONLY:
        command += ["--no-binary", name]
    subprocess.run([*command, "--requirements", requirements], check=True)


def _prune(folder: Path) -> None:
    for parent, folders, files in os.walk(folder):
        here = Path(parent)
        for name in [name for name in folders if name in BALLAST_FOLDERS or _unused(here, name)]:
            shutil.rmtree(here / name)
            folders.remove(name)
        for name in files:
            if Path(name).suffix in BALLAST_SUFFIXES or (
                here.suffix == ".dist-info" and name in BALLAST_INFO
            ):
                (here / name).unlink()
    shutil.rmtree(folder / "bin", ignore_errors=True)  # scripts name this machine's interpreter


def _compile(folder: Path, python: str) -> None:
    """Compile all modules: a function's folder is read-only, so it would do so at every start.

    The compiled files are taken on trust (unchecked hashes), and name the folder that Lambda has.
    """
    interpreter = find_python(python)
    if interpreter is None:
        raise SetupError(f"Packaging for Python {python} needs one: `uv python install {python}`.")
    command = [interpreter, "-m", "compileall", "-q", "-j", "0"]
    command += ["--invalidation-mode", "unchecked-hash"]
    command += ["-s", folder, "-p", "/var/task", folder]
    # Some packages carry templates and sources of other versions: what does not compile stays.
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env={"PYTHONHASHSEED": "0"})


def _unused(parent: Path, name: str) -> bool:
    """Whether a folder is data that nobody here reads."""
    if parent.name == "data" and parent.parent.name == "botocore":
        return name not in SERVICES
    return (parent.name, name) == ("pycountry", "locales")  # names of countries, translated


def _copy(source: str, folder: Path) -> None:
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", "py.typed")
    shutil.copytree(ROOT / source, folder / source, dirs_exist_ok=True, ignore=ignore)
