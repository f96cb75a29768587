"""`parley say`: the assistant of a room speaks."""

import asyncio
from typing import Annotated

import typer

from parley_cli.api import Api
from parley_cli.commands.options import RoomName, StateDir, VoiceName
from parley_cli.commands.printing import AsJson, print_json
from parley_cli.connection import connected


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command("say")(say)


def say(
    room: RoomName,
    text: Annotated[str, typer.Argument(help="What to say, at most 2,000 characters.")],
    voice: VoiceName = None,
    language: Annotated[
        str | None, typer.Option(help="BCP 47 tag, to choose a voice by, such as en-GB.")
    ] = None,
    speed: Annotated[float, typer.Option(min=0.5, max=2.0, help="Pace; 1 is the voice's own.")] = 1,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Have the room's assistant say something; it is recorded like everybody else."""
    settings = connected(state_dir)

    async def send() -> str:
        async with Api(settings) as api:
            record = await api.find_room(room)
            return await api.say(record["sid"], text, voice=voice, language=language, speed=speed)

    request_id = asyncio.run(send())
    if as_json:
        print_json({"id": request_id})
    else:
        typer.echo(f"request {request_id} is with the room's agent")
