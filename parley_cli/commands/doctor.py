"""`parley doctor`: what this machine and the running stack lack, and what to do about each."""

import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import httpx
import typer

from parley.matrix_kernels import BLIS_PACKAGE, could_use_blis, cpuinfo, has_blis
from parley.models import DEFAULT_FINAL, DEFAULT_LIVE, DEFAULT_VOICE, locate
from parley.settings import Settings
from parley_cli.commands.options import StateDir
from parley_cli.commands.printing import AsJson, console, new_table, print_json
from parley_cli.stack import lifecycle
from parley_cli.stack.lifecycle import StackStatus
from parley_cli.stack.servers import SERVERS, find
from parley_cli.stack.tools import check_tools

Verdict = Literal["ok", "missing", "broken", "note"]
LEAST_FREE_BYTES = 2 * 1024**3
_STYLES = {"ok": "green", "missing": "red", "broken": "red", "note": "yellow"}


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `do` says what to do unless the verdict is `ok`."""

    what: str
    verdict: Verdict
    detail: str
    do: str = ""


def doctor(state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Say what is missing or broken and what to do; exit status 1 if anything is."""
    settings = Settings()
    folder = (state_dir or settings.state_dir).expanduser()
    status = lifecycle.status(folder)
    findings = [
        *_tools(),
        *_servers(),
        *_models(settings),
        *_matrix_library(),
        *_disk(folder),
        *_stack(status, folder),
    ]
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        table = new_table("", "what", "found", "what to do")
        for finding in findings:
            style = _STYLES[finding.verdict]
            mark = f"[{style}]{finding.verdict}[/]"
            table.add_row(mark, f"[bold]{finding.what}[/]", finding.detail, finding.do)
        console().print(table)
    if any(finding.verdict in ("missing", "broken") for finding in findings):
        raise typer.Exit(1)


def _tools() -> Iterator[Finding]:
    for check in check_tools():
        found, _, what_to_do = check.sentence.partition(": ")
        yield Finding(check.name, "ok" if check.ok else "missing", found, what_to_do)


def _servers() -> Iterator[Finding]:
    for server in SERVERS.values():
        if program := find(server):
            origin = "built here" if program.built else "from PATH"
            yield Finding(server.name, "ok", f"{origin}: {program.path}")
        elif lacking := server.toolchain.missing():
            yield Finding(
                server.name,
                "missing",
                f"not built, and {', '.join(lacking)} is not on PATH",
                f"install {server.toolchain.install}, then `make servers`",
            )
        else:
            yield Finding(
                server.name,
                "note",
                "not built yet",
                f"`make servers` (about {server.build_minutes:g} min), or the next `parley up`",
            )


def _models(settings: Settings) -> Iterator[Finding]:
    for use, name in (
        ("live captions", DEFAULT_LIVE),
        ("final transcript", DEFAULT_FINAL),
        ("voices", DEFAULT_VOICE),
    ):
        path = locate(name)
        what = f"{name} ({use})"
        if path:
            yield Finding(what, "ok", str(path))
        else:
            yield Finding(what, "note", "not here", f"`parley models pull {name}`")
    for language, folder in settings.live_models.items():
        if not folder.expanduser().is_dir():
            yield Finding(
                f"live model of {language}",
                "missing",
                f"{folder} is no folder",
                "set PARLEY_LIVE_MODELS to folders of Vosk models",
            )


def _matrix_library() -> Iterator[Finding]:
    if not could_use_blis(cpuinfo()):
        return
    if has_blis():
        yield Finding("matrix library", "ok", "BLIS, for live captions")
    else:
        yield Finding(
            "matrix library",
            "note",
            "live captions cost twice as much as with BLIS",
            f"`apt install {BLIS_PACKAGE}` (Debian, Ubuntu)",
        )


def _disk(folder: Path) -> Iterator[Finding]:
    there = folder
    while not there.exists():
        there = there.parent
    free = shutil.disk_usage(there).free
    detail = f"{free / 1024**3:.1f} GB free for {folder}"
    if free < LEAST_FREE_BYTES:
        yield Finding("disk", "missing", detail, "free some, or choose another --state-dir")
    else:
        yield Finding("disk", "ok", detail)


def _stack(status: StackStatus, folder: Path) -> Iterator[Finding]:
    if not status.running:
        detail = f"stopped in {folder}"
        if status.failure:
            yield Finding("stack", "broken", f"{detail}: {status.failure}", "see the log named")
        else:
            yield Finding("stack", "note", detail, "`parley up` starts it")
        return
    for part in status.parts:
        if part.pid is None:
            yield Finding(part.name, "broken", "does not run", f"see {part.log}")
        elif part.restarts:
            yield Finding(
                part.name, "note", f"{part.url}, restarted {part.restarts} times", f"see {part.log}"
            )
        else:
            yield Finding(part.name, "ok", part.url)
    runner = status.environment.get("PARLEY_RUNNER_URL")
    if runner:
        yield _dead_letters(runner)


def _dead_letters(runner: str) -> Finding:
    try:
        answer = httpx.get(f"{runner}/dead-letters", timeout=5)
        answer.raise_for_status()
        letters = answer.json()
    except (httpx.HTTPError, ValueError) as error:
        kind = type(error).__name__
        return Finding("dead letters", "broken", f"the runner does not say: {kind}", "see its log")
    count = len(letters["dead_letters"] if isinstance(letters, dict) else letters)
    if not count:
        return Finding("dead letters", "ok", "none")
    return Finding(
        "dead letters",
        "broken",
        f"{count} events were given up",
        f"look at {runner}/dead-letters; POST {runner}/dead-letters/ID/retry runs one again",
    )
