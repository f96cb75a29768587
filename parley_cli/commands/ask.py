"""`parley ask`: a room's assistant answers a question."""

import asyncio
from typing import Annotated

import typer

from parley_cli.api import Api
from parley_cli.commands.options import RoomName, StateDir, VoiceName
from parley_cli.commands.printing import AsJson, print_json
from parley_cli.connection import connected


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command("ask")(ask)


def ask(
    room: RoomName,
    question: Annotated[str, typer.Argument(help="The question, at most 500 characters.")],
    voice: VoiceName = None,
    language: Annotated[
        str | None, typer.Option(help="BCP 47 tag of the answer, to choose a voice by.")
    ] = None,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Have the room's assistant answer a question aloud, from what was said in the room."""
    settings = connected(state_dir)

    async def send() -> str:
        async with Api(settings) as api:
            record = await api.find_room(room)
            return await api.ask(record["sid"], question, voice=voice, language=language)

    request_id = asyncio.run(send())
    if as_json:
        print_json({"id": request_id})
    else:
        typer.echo(f"question {request_id} is with the room's agent")
