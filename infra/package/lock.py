"""Writes `requirements/deploy/*.txt`: what each deployable installs, taken from the project's lock.

Versions and hashes are those of `requirements/dev.txt`; nothing is resolved anew. Run it by
`make lock-deploy` after `make lock`.
"""

import subprocess
import sys
from pathlib import Path

from infra.package.parts import PARTS, Part

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "dev.txt"
FOLDER = ROOT / "requirements" / "deploy"
UV = ROOT / ".tools" / "bin" / "uv"


def lock(part: Part) -> Path:
    """Write one part's locked requirements; returns the file."""
    out = FOLDER / f"{part.name}.txt"
    out.unlink(missing_ok=True)  # an old one would be taken as a preference
    command = [UV, "pip", "compile", "pyproject.toml", "--quiet", "--universal"]
    command += ["--python-version", "3.11", "--generate-hashes", "--no-emit-index-url"]
    command += ["--no-annotate", "--no-header", "--constraints", LOCK, "--output-file", out]
    for extra in part.extras:
        command += ["--extra", extra]
    subprocess.run(command, cwd=ROOT, check=True)
    return out


def main() -> None:
    """Write all of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for part in (part for part in PARTS.values() if not part.lock_of):
        print(lock(part).relative_to(ROOT), file=sys.stderr)


if __name__ == "__main__":
    main()
