"""The tools that build and run the stack: which versions are here, what to install."""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from parley_cli.stack.servers import SERVERS, find

_LIMIT_S = 20.0


@dataclass(frozen=True)
class Tool:
    """A program that something needs.

    Attributes:
        name: the program on PATH.
        version: arguments that make it print its version.
        least: the oldest version that will do.
        install: what to install where it is missing or too old.
    """

    name: str
    version: Sequence[str]
    least: tuple[int, ...]
    install: str


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `sentence` says what was found and what to do about it."""

    name: str
    ok: bool
    sentence: str


GO = Tool("go", ("version",), (1, 25), "install Go 1.25 or newer (https://go.dev/dl)")
JAVA = Tool("java", ("-version",), (17,), "install a JDK 17 or newer")
JAVAC = Tool("javac", ("-version",), (17,), "install a JDK 17 or newer, not only its runtime")
MAVEN = Tool("mvn", ("-version",), (3, 6), "install Maven 3.6 or newer")
NODE = Tool("node", ("--version",), (20,), "install Node.js 20 or newer")


def check_tools() -> list[Check]:
    """Look at Python and at each tool; a tool is only missed while something needs it.

    Go is needed while a Go server is neither built nor on PATH, javac and Maven while the database
    is neither; java also runs our own database server; Node runs the browser tests of `web/`.
    """
    missing = {name for name, server in SERVERS.items() if find(server) is None}
    mongo = find(SERVERS["mongo"])
    return [
        _check_python(),
        _check(GO, needed=bool(missing - {"mongo"})),
        _check(JAVA, needed=mongo is None or mongo.built),
        _check(JAVAC, needed=mongo is None),
        _check(MAVEN, needed=mongo is None),
        _check(NODE, needed=False),
    ]


def _check_python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    ok = sys.version_info >= (3, 11)
    return Check("python", ok, version if ok else f"{version} is too old: use 3.11 or newer")


def _check(tool: Tool, *, needed: bool) -> Check:
    if shutil.which(tool.name) is None:
        if needed:
            return Check(tool.name, False, f"not on PATH: {tool.install}")
        return Check(tool.name, True, "not on PATH, and not needed now")
    found = installed_version(tool)
    if found is None:
        return Check(tool.name, not needed, f"does not say its version: {tool.install}")
    shown = ".".join(map(str, found))
    if found < tool.least:
        return Check(tool.name, not needed, f"{shown} is too old: {tool.install}")
    return Check(tool.name, True, shown)


def installed_version(tool: Tool) -> tuple[int, ...] | None:
    """The version that the tool prints, or None where it prints none."""
    try:
        ended = subprocess.run(
            [tool.name, *tool.version],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LIMIT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    number = re.search(r"\d+(?:\.\d+)+|\b\d+\b", ended.stdout + ended.stderr)
    return tuple(map(int, number[0].split("."))) if number else None
