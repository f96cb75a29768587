"""Packages what is deployed.

`python -m infra.package build webhook FOLDER` fills a folder (what `sam build` asks for);
`python -m infra.package all` makes every function's zip or image tree under `build/package`, and
prints sizes and digests.
"""

import argparse
import hashlib
import sys
from pathlib import Path

from infra.package.archive import tree_digest, tree_size, write_zip
from infra.package.assemble import ROOT, assemble
from infra.package.parts import FUNCTIONS, PARTS, ZIP_LIMIT, Part

MB = 1_000_000


def _build(part: Part, folder: Path, python: str) -> tuple[str, int, str]:
    """Build one part; returns what it is, its packed size in bytes and its digest."""
    assemble(part, folder, python)
    if part.kind == "image":
        return "image", tree_size(folder), tree_digest(folder)
    archive = folder.with_suffix(".zip")
    write_zip(folder, archive)
    if archive.stat().st_size > ZIP_LIMIT:
        sys.exit(f"{archive.name} is larger than the {ZIP_LIMIT // MB} MB that Lambda takes")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    return "zip", archive.stat().st_size, digest


def _all(names: list[str], out: Path, python: str) -> None:
    print(f"{'part':<12} {'kind':<6} {'packed MB':>10} {'unpacked MB':>12}  sha256")
    for name in names:
        part = PARTS[name]
        kind, size, digest = _build(part, out / name, python)
        unpacked = tree_size(out / name)
        print(f"{name:<12} {kind:<6} {size / MB:>10.1f} {unpacked / MB:>12.1f}  {digest}")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m infra.package")
    parser.add_argument("--python", default="3.13", help="version that will run it (3.13)")
    commands = parser.add_subparsers(required=True, dest="command")
    one = commands.add_parser("build", help="fill a folder with one part")
    one.add_argument("part", choices=PARTS)
    one.add_argument("folder", type=Path)
    every = commands.add_parser("all", help="every function, with sizes and digests")
    every.add_argument("parts", nargs="*", default=list(FUNCTIONS))
    every.add_argument("--out", type=Path, default=ROOT / "build" / "package")
    given = parser.parse_args()
    if given.command == "build":
        assemble(PARTS[given.part], given.folder, given.python)
    else:
        _all(given.parts, given.out, given.python)


if __name__ == "__main__":
    main()
