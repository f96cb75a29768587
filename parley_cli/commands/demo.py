"""`parley demo`: hold the scripted meeting in the running stack, or in one of its own."""

import asyncio
import datetime
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from parley.settings import Settings
from parley_cli.commands.options import StateDir
from parley_cli.commands.printing import console
from parley_cli.commands.stack import print_event
from parley_cli.connection import running_stack, settings_of
from parley_cli.demo.rehearsal import rehearse
from parley_cli.demo.run import run_demo
from parley_cli.demo.stages import StageError, Stages
from parley_cli.stack.stack import Stack

INTERRUPTED = 130


class Voices(StrEnum):
    """What speaks for the participants."""

    KOKORO = "kokoro"
    ESPEAK = "espeak"


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command("demo")(demo)


def demo(
    voices: Annotated[Voices, typer.Option(help="What speaks.")] = Voices.KOKORO,
    room: Annotated[
        str | None, typer.Option(help="Name of the room; `demo-` and the time without it.")
    ] = None,
    state_dir: StateDir = None,
) -> None:
    """Hold a scripted meeting of four in a real room and show what came of it."""
    folder = (state_dir or Settings().state_dir).expanduser()
    room = room or f"demo-{datetime.datetime.now():%H%M%S}"
    raise typer.Exit(asyncio.run(_until_interrupted(folder, voices, room)))


async def _until_interrupted(folder: Path, voices: Voices, room: str) -> int:
    """Run the demo; a signal ends it with everything stopped, a second one at once."""
    this = asyncio.current_task()
    assert this is not None
    stages = Stages()
    asked: list[int] = []
    own: list[Stack] = []

    def stop() -> None:
        asked.append(1)
        if len(asked) == 1:
            this.cancel()
        for stack in own[: len(asked) - 1]:
            stack.hurry()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    try:
        with stages.timed("voices"):
            stays = await rehearse(voices.value, console())
        async with _a_stack(folder, stages, own) as settings:
            await run_demo(settings, folder, stays, room, console(), stages)
    except asyncio.CancelledError:
        if not asked:
            raise
        return INTERRUPTED
    return 0


@asynccontextmanager
async def _a_stack(folder: Path, stages: Stages, own: list[Stack]) -> AsyncIterator[Settings]:
    """The settings of the stack that runs, else of one that runs for as long as the block does."""
    if (state := running_stack(folder)) is not None:
        yield settings_of(state)
        return
    stack = Stack(folder, on_event=print_event)
    own.append(stack)
    with stages.timed("stack"):
        await stack.__aenter__()
    try:
        state = running_stack(folder)
        if state is None:
            raise StageError("the stack did not begin to serve")
        yield settings_of(state)
    finally:
        await stack.__aexit__(None, None, None)
