"""`parley fleet`: the pipelines of the agent process, as a table that follows them."""

import time
from typing import Annotated, Any

import httpx
import typer
from rich.live import Live
from rich.table import Table

from parley.errors import SetupError
from parley_cli.commands.options import StateDir
from parley_cli.commands.printing import AsJson, console, new_table, print_json
from parley_cli.connection import connected

_COLOURS = {"live": "green", "idle": "dim", "waiting": "yellow", "cooling": "red", "closed": "dim"}
_LAG_SEEN_MS = 500


def add_to(app: typer.Typer) -> None:
    """Add this command to the app."""
    app.command("fleet")(show_fleet)


def show_fleet(
    once: Annotated[bool, typer.Option("--once", help="Print it once, and end.")] = False,
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 1.0,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Show who is heard now and how well; Ctrl-C ends it."""
    url = connected(state_dir).fleet_url
    if as_json:
        print_json(read_pipelines(url))
        return
    screen = console()
    if once or not screen.is_terminal:
        screen.print(table_of(read_pipelines(url)))
        return
    with Live(table_of(read_pipelines(url)), console=screen, auto_refresh=False) as live:
        try:
            while True:
                time.sleep(every)
                live.update(table_of(read_pipelines(url)), refresh=True)
        except KeyboardInterrupt:
            return


def read_pipelines(url: str) -> list[dict[str, Any]]:
    """What `GET /pipelines` of the fleet at this address says.

    Raises:
        SetupError: nothing answers there.
    """
    try:
        answer = httpx.get(f"{url}/pipelines", timeout=5.0)
        answer.raise_for_status()
    except httpx.HTTPError as error:
        raise SetupError(f"the fleet at {url} does not answer ({error})") from error
    found: list[dict[str, Any]] = answer.json()["pipelines"]
    return found


def table_of(pipelines: list[dict[str, Any]]) -> Table:
    """Everything that `/pipelines` tells of each speaker, by room and identity."""
    count, talking = len(pipelines), sum(bool(p["talking"]) for p in pipelines)
    table = new_table(
        *("room", "speaker", "language", "state", "talks", "queue", "dropped", "lag ms"),
        *("received", "speech", "gaps", "breaker", "failed", "segments", "captions", "unsent"),
        title=f"{count} {'speaker' if count == 1 else 'speakers'}, {talking} talking",
    )
    for p in sorted(pipelines, key=lambda p: (p["room"], p["identity"])):
        state = p["state"] + (f": {p['reason']}" if p["reason"] else "")
        colour = _COLOURS.get(p["state"], "default")
        talks = "muted" if p["muted"] else "[bold]yes[/]" if p["talking"] else "-"
        table.add_row(
            *(p["room"], f"[bold]{p['identity']}[/]", p["language"], f"[{colour}]{state}[/]"),
            *(talks, str(p["queue"]), _marked(p["dropped"], 1), _marked(p["lag_ms"], _LAG_SEEN_MS)),
            *(_share(p["received_ratio"]), _share(p["speech_ratio"]), _marked(p["gaps"], 1)),
            *(p["breaker"], _marked(p["failures"], 1), str(p["segments"])),
            *(str(p["captions_sent"]), _marked(p["captions_failed"], 1)),
        )
    return table


def _marked(value: int, bad: int) -> str:
    return f"[red]{value}[/]" if value >= bad else str(value)


def _share(ratio: float | None) -> str:
    return "-" if ratio is None else f"{100 * ratio:.0f} %"
