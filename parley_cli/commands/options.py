"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

StateDir = Annotated[
    Path | None, typer.Option("--state-dir", help="State folder of the stack (PARLEY_STATE_DIR).")
]
RoomName = Annotated[str, typer.Argument(metavar="ROOM", help="Sid, or the latest of this name.")]
VoiceName = Annotated[
    str | None, typer.Option("--voice", help="A voice of the engine; `parley voices` lists them.")
]
