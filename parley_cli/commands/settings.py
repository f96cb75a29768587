"""`parley settings` and `parley token`: how this machine is configured, and a key to its API."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr

from parley.auth import Role, mint
from parley.settings import Settings
from parley_cli.commands.options import StateDir
from parley_cli.commands.printing import AsJson, console, new_table, print_json
from parley_cli.connection import connected, running_stack, settings_of

MASK = "********"


def add_to(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command("settings")(show_settings)
    app.command("token")(mint_token)


def show_settings(state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Print every setting, those of the running stack included, with secrets masked."""
    settings = Settings()
    if (state := running_stack(state_dir or settings.state_dir)) is not None:
        settings = settings_of(state)
    if as_json:
        print_json({name: _masked(getattr(settings, name)) for name in Settings.model_fields})
        return
    table = new_table("variable", "value", "what it is")
    for name, field in Settings.model_fields.items():
        value = _masked(getattr(settings, name))
        table.add_row(
            f"[bold]PARLEY_{name.upper()}[/]",
            "-" if value is None or value == "" else str(value),
            f"[dim]{field.description or ''}[/]",
        )
    console().print(table)


def mint_token(
    role: Annotated[Role, typer.Option(help="What the holder may do.")] = Role.HOST,
    room: Annotated[
        list[str] | None, typer.Option(help="Sid of a room it is good for; all without it.")
    ] = None,
    subject: Annotated[str, typer.Option("--as", help="Who the holder is.")] = "cli",
    hours: Annotated[float, typer.Option(min=0.01, help="How long it is valid.")] = 12.0,
    state_dir: StateDir = None,
) -> None:
    """Mint a token of the API and print it."""
    settings = connected(state_dir)
    rooms = tuple(room) if room else ("*",)
    typer.echo(mint(settings, sub=subject, role=role, rooms=rooms, ttl_s=int(hours * 3600)))


def _masked(value: Any) -> Any:
    """The value as it may be shown: secrets hidden, folders and URLs as text."""
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {key: _masked(item) for key, item in value.items()}
    return value
