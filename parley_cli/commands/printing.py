"""How commands print: one JSON document with `--json`, else tables and lines for people."""

import datetime
import json
from typing import Annotated, Any

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]


def print_json(value: Any) -> None:
    """Print a value as one JSON document; models are dumped as they are stored."""
    typer.echo(json.dumps(_plain(value), ensure_ascii=False, indent=2, default=str))


def new_table(*columns: str, title: str | None = None) -> Table:
    """A table in the one style of all commands."""
    table = Table(title=title, title_justify="left", box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def console() -> Console:
    """Where people read; wide when it is no terminal, so that lines stay whole."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=200)


def clock_time(ms: int | None) -> str:
    """An absolute time as the local date and time, `-` without one."""
    if not ms:
        return "-"
    return datetime.datetime.fromtimestamp(ms / 1000).strftime("%Y-%m-%d %H:%M:%S")


def offset_time(ms: int) -> str:
    """A stretch of milliseconds as `m:ss.s`."""
    seconds = max(ms, 0) / 1000
    return f"{int(seconds // 60)}:{seconds % 60:04.1f}"


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", by_alias=True)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value
