"""`parley models list|pull` and `parley voices`: which models and voices are here, and fetching."""

import asyncio
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from parley.models import list_models, pull
from parley.settings import load_settings
from parley.voice import open_engine
from parley_cli.commands.printing import AsJson, console, new_table, print_json


def add_to(app: typer.Typer) -> None:
    """Add these commands to the app."""
    models = typer.Typer(no_args_is_help=True, help="Speech models: what is here, and fetching.")
    models.command("list")(show_models)
    models.command("pull")(pull_models)
    app.add_typer(models, name="models")
    app.command("voices")(show_voices)


def show_models(as_json: AsJson = False) -> None:
    """List the models that Parley knows by name, and where they are on this machine."""
    found = list_models()
    if as_json:
        print_json(
            [
                {
                    "name": entry.model.name,
                    "kind": entry.model.kind,
                    "about": entry.model.about,
                    "licence": entry.model.licence,
                    "bytes": entry.model.size,
                    "path": entry.path and str(entry.path),
                }
                for entry in found
            ]
        )
        return
    table = new_table("model", "kind", "size", "here", "about")
    for entry in found:
        here = "[green]yes[/]" if entry.path else "-"
        about = f"{entry.model.about} [dim]({entry.model.licence})[/]"
        table.add_row(
            f"[bold]{entry.model.name}[/]", entry.model.kind, decimal(entry.model.size), here, about
        )
    console().print(table)


def pull_models(
    names: Annotated[list[str], typer.Argument(metavar="NAME…", help="See `models list`.")],
) -> None:
    """Fetch models by name: checked, and taken up again where a fetch was interrupted."""
    progress = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=console(),
        disable=not console().is_terminal,
    )
    tasks: dict[str, TaskID] = {}

    def show(what: str, done: int, total: int | None) -> None:
        if what not in tasks:
            tasks[what] = progress.add_task(what, total=total)
        progress.update(tasks[what], completed=done, total=total)

    for name in names:
        with progress:
            path = pull(name, show)
        console().print(f"{name}: {path}", soft_wrap=True)


def show_voices(as_json: AsJson = False) -> None:
    """List the voices of the configured speech engine."""
    settings = load_settings()
    engine = open_engine(settings.voice_engine, kokoro_dir=settings.kokoro_dir)
    try:
        voices = engine.voices()
    finally:
        asyncio.run(engine.aclose())
    if as_json:
        print_json(
            [
                {"engine": engine.name, "voice": v.name, "language": v.language, "gender": v.gender}
                for v in voices
            ]
        )
        return
    table = new_table("voice", "language", "gender", title=f"voices of {engine.name}")
    for voice in voices:
        table.add_row(f"[bold]{voice.name}[/]", voice.language, voice.gender)
    console().print(table)
