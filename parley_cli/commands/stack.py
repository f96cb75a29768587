"""`parley up` and `parley down`: the local stack, in the foreground or left running."""

from typing import Annotated

import psutil
import typer

from parley.settings import Settings
from parley_cli.commands.doctor import doctor
from parley_cli.commands.options import StateDir
from parley_cli.commands.printing import AsJson, console, new_table, print_json
from parley_cli.stack import lifecycle
from parley_cli.stack.lifecycle import StackStatus
from parley_cli.stack.stack import StackEvent

_STYLES = {"died": "yellow", "failed": "red", "ready": "green"}


def add_to(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command("up")(up)
    app.command("down")(down)
    app.command("doctor")(doctor)


def up(
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Come back once it serves; `down` stops it.")
    ] = False,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Start LiveKit, the database, the object store, the API, the runner and the fleet."""
    folder = state_dir or Settings().state_dir
    if detach:
        lifecycle.up(folder, foreground=False)
        _print_stack(lifecycle.status(folder), as_json)
        return
    lifecycle.up(
        folder,
        on_event=(lambda _: None) if as_json else print_event,
        on_ready=lambda _: _print_stack(lifecycle.status(folder), as_json),
    )


def down(state_dir: StateDir = None) -> None:
    """Stop the stack that runs in the state folder."""
    folder = state_dir or Settings().state_dir
    typer.echo("stopped" if lifecycle.down(folder) else f"no stack runs in {folder}")


def print_event(event: StackEvent) -> None:
    """Print what happens to a part while the stack starts, runs and stops."""
    text = f": {event.text}" if event.text else ""
    style = _STYLES.get(event.kind, "dim")
    console().print(f"[{style}]{event.part:<8} {event.kind}[/]{text}", soft_wrap=True)


def _print_stack(status: StackStatus, as_json: bool) -> None:
    api = status.environment.get("PARLEY_API_URL", "")
    if as_json:
        parts = {part.name: {"url": part.url, "pid": part.pid} for part in status.parts}
        print_json({"api_url": api, "parts": parts})
        return
    table = new_table("part", "where", "memory", "log")
    for part in status.parts:
        table.add_row(f"[bold]{part.name}[/]", part.url, _memory(part.pid), str(part.log))
    out = console()
    out.print(table)
    out.print(f"API: {api}/docs   token: parley token   a meeting: parley demo", soft_wrap=True)


def _memory(pid: int | None) -> str:
    try:
        return f"{psutil.Process(pid).memory_info().rss / 2**20:.0f} MB" if pid else "-"
    except psutil.Error:
        return "-"
