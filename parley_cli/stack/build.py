"""Builds the servers that are not on PATH: `python -m parley_cli.stack.build [NAME…]`."""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from parley.errors import ParleyError, SetupError
from parley_cli.stack.locks import exclusive
from parley_cli.stack.servers import (
    SERVERS,
    Program,
    Server,
    Toolchain,
    build_folder,
    find,
    module_files,
    server,
    servers_cache,
)

Report = Callable[[Server], None]


def ensure(wanted: Server, building: Report = lambda _: None) -> Program:
    """The program, built now if need be; another process building it is waited for.

    Args:
        wanted: the server.
        building: called before a build begins, for it takes minutes.

    Raises:
        SetupError: a tool is missing or the build failed; the message says what to do.
    """
    if found := find(wanted):
        return found
    cache = servers_cache()
    with exclusive(cache / f"{wanted.name}.lock"):
        if found := find(wanted):
            return found
        _require_tools(wanted)
        building(wanted)
        for left_over in cache.glob(f".building-{wanted.name}-*"):
            shutil.rmtree(left_over, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=f".building-{wanted.name}-", dir=cache) as scratch:
            product = Path(scratch) / "product"
            _build(wanted, Path(scratch), product, cache / f"{wanted.name}.log")
            product.rename(build_folder(wanted))
    found = find(wanted)
    if found is None:
        raise SetupError(f"The build of {wanted.name} ended without {wanted.product}.")
    return found


def _require_tools(wanted: Server) -> None:
    missing = wanted.toolchain.missing()
    if missing:
        alternative = f", or put {wanted.program} on PATH" if wanted.program else ""
        raise SetupError(
            f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} needed to build "
            f"{wanted.name}: install {wanted.toolchain.install}{alternative}."
        )


def _build(wanted: Server, scratch: Path, product: Path, log: Path) -> None:
    # The source is copied, so that a change in the middle of a build cannot mix into it.
    source = scratch / "source"
    for path in module_files(wanted.module):
        copy = source / path.relative_to(wanted.module)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    product.mkdir()
    with log.open("w") as output:
        match wanted.toolchain:
            case Toolchain.GO:
                flags = ["-trimpath", "-buildvcs=false", "-ldflags=-s -w"]
                target = ["-o", str(product / wanted.product), wanted.package]
                ok = _run(["go", "build", *flags, *target], source, output)
            case Toolchain.MAVEN:
                maven = ["mvn", "-q", "-B", "-ntp", "package"]
                # Without a look at the network first: it is quicker, and works without one.
                ok = _run([*maven, "-o"], source, output) or _run(maven, source, output)
                if ok:
                    shutil.move(source / "target" / wanted.product, product)
                    shutil.move(source / "target" / "lib", product)
    if not ok:
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        last = lines[-1].strip()[:200] if lines else "it said nothing"
        raise SetupError(f"{wanted.name} could not be built: {last} (all of it: {log}).")


def _run(command: list[str], folder: Path, output: IO[str]) -> bool:
    ended = subprocess.run(
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        check=False,
    )
    return ended.returncode == 0


def ensure_all(wanted: Iterable[Server], console: Console) -> None:
    """Find or build each server, with one line of progress for each."""
    for each in wanted:
        began = time.monotonic()
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        ) as progress:
            program = ensure(each, partial(_announce, progress))
        origin = "built" if program.built else "from PATH"
        console.print(
            f"{each.name}: {origin}, {program.path} ({time.monotonic() - began:.1f} s)",
            soft_wrap=True,
            highlight=False,
        )


def _announce(progress: Progress, building: Server) -> None:
    about = building.build_minutes
    text = f"{building.name}: building (the first time about {about:g} min on 2 cores)"
    if progress.disable:
        progress.console.print(text, highlight=False)
    else:
        progress.add_task(text, total=None)


def main(arguments: list[str] | None = None) -> int:
    """Build the named servers, or all; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m parley_cli.stack.build", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SERVERS))
    names = parser.parse_args(arguments).names or list(SERVERS)
    try:
        ensure_all([server(name) for name in names], Console(stderr=True))
    except ParleyError as error:
        print(f"parley: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
