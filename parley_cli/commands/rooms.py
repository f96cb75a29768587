"""`parley rooms`, `transcript` and `summary`: reading the record of rooms."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from parley.blobs import BlobStore
from parley.storage import Stores
from parley_cli.api import Api
from parley_cli.commands.following import Screen, follow as show, line_of
from parley_cli.commands.options import RoomName, StateDir
from parley_cli.commands.printing import (
    AsJson,
    clock_time,
    console,
    new_table,
    print_json,
)
from parley_cli.connection import connected
from parley_cli.demo.screen import print_summary

T = TypeVar("T")
POLL_S = 1.0


class Which(StrEnum):
    """Which transcript to read."""

    LIVE = "live"
    FINAL = "final"
    BEST = "best"


class Engine(StrEnum):
    """Who makes a summary."""

    EXTRACTIVE = "extractive"
    GEMINI = "gemini"


def add_to(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command("rooms")(list_rooms)
    app.command("transcript")(show_transcript)
    app.command("summary")(show_summary)


def list_rooms(state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """List the rooms, newest first."""

    async def read(api: Api) -> list[dict[str, Any]]:
        return await api.rooms()

    rooms = _with_api(state_dir, read)
    if as_json:
        print_json(rooms)
        return
    table = new_table("room", "name", "status", "since", "tracks", "summary")
    for room in rooms:
        table.add_row(
            f"[bold]{room['sid']}[/]",
            room["name"],
            room["status"],
            clock_time(room["registered_ms"]),
            str(len(room.get("tracks", ()))),
            room.get("summary", {}).get("status", "-"),
        )
    console().print(table if rooms else "no rooms yet: `parley demo` holds a meeting in one")


def show_transcript(
    room: RoomName,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on until the room is completed.")
    ] = False,
    partials: Annotated[
        bool,
        typer.Option(help="With --follow: also the words of utterances that go on; none in JSON."),
    ] = True,
    version: Annotated[
        Which, typer.Option(help="`best` is the final one where it exists, else the live one.")
    ] = Which.BEST,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Print who said what, in order of time."""

    async def read(api: Api) -> None:
        record = await api.find_room(room)
        if follow and not as_json:
            spoken = partials and version is not Which.FINAL
            screen = Screen(console(), partials=spoken)
            await show(
                api, record["sid"], screen, poll_s=POLL_S, partials=spoken, version=version.value
            )
            return
        start_ms: int | None = None
        segments = api.transcript(
            record["sid"], follow_every_s=POLL_S if follow else None, version=version.value
        )
        found: list[dict[str, Any]] = []
        async for segment in segments:
            start_ms = segment["start_ms"] if start_ms is None else start_ms
            if not as_json:
                console().print(line_of(segment, start_ms), soft_wrap=True)
            elif follow:
                typer.echo(json.dumps(segment, ensure_ascii=False))
            else:
                found.append(segment)
        if as_json and not follow:
            print_json(found)

    _with_api(state_dir, read)


def show_summary(
    room: RoomName,
    again: Annotated[
        bool, typer.Option("--again", help="Make it anew from the room's timeline first.")
    ] = False,
    engine: Annotated[
        Engine | None, typer.Option(help="With --again: the engine, instead of the settings'.")
    ] = None,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Print a room's summary, each action item with the words that it cites."""

    async def read(api: Api) -> None:
        record = await api.find_room(room)
        if again:
            await _summarise_again(state_dir, record["sid"], engine)
        summary = await api.summary(record["sid"])
        if as_json:
            print_json(summary)
            return
        said = {s["id"]: s["text"] async for s in api.transcript(record["sid"])}
        names = {t["identity"]: t["name"] for t in await api.tracks(record["sid"])}
        print_summary(console(), summary, said, names)

    _with_api(state_dir, read)


async def _summarise_again(state_dir: Path | None, sid: str, engine: Engine | None) -> None:
    from parley.summary.again import redo_summary  # the engines take a second to import

    settings = connected(state_dir)
    stores = Stores.from_settings(settings)
    try:
        blobs = BlobStore.from_settings(settings)
        await redo_summary(stores, blobs, settings, sid, engine.value if engine else None)
    finally:
        stores.close()


def _with_api(state_dir: Path | None, use: Callable[[Api], Awaitable[T]]) -> T:
    settings = connected(state_dir)

    async def run() -> T:
        async with Api(settings) as api:
            return await use(api)

    return asyncio.run(run())
