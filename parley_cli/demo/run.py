"""The whole demo: render the voices, hold the meeting, measure it, write the report."""

import json
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from parley.settings import Settings
from parley_cli.api import Api
from parley_cli.demo.evaluate import evaluate
from parley_cli.demo.meeting import Limits, Outcome, hold_meeting
from parley_cli.demo.report import Report
from parley_cli.demo.screen import Screen
from parley_cli.demo.stages import Stages
from parley_cli.demo.stay import Stay


async def run_demo(
    settings: Settings,
    folder: Path,
    stays: list[Stay],
    room: str,
    console: Console,
    stages: Stages,
    limits: Limits | None = None,
) -> Report:
    """Hold the meeting in a running stack and write `demo/report.json` in the state folder.

    An earlier report is removed first, so that one that is there tells of a demo that succeeded.

    Raises:
        StageError: something did not happen, or not in time.
        ParleyError: a part could not be reached.
    """
    path = folder / "demo" / "report.json"
    for earlier in (path, path.with_name("details.json")):
        earlier.unlink(missing_ok=True)
    names = {stay.identity: stay.name for stay in stays}
    async with Api(settings) as api:
        with Screen(console, names) as screen:
            outcome = await hold_meeting(
                api, settings, room, stays, screen, stages, limits or Limits()
            )
            with stages.timed("evaluation"):
                found = await evaluate(api, outcome, stays, stages.seconds)
            found.report.stages_s = dict(stages.seconds)
            screen.summary(outcome.summary, found.said)
    _write_details(path.with_name("details.json"), outcome)
    found.report.write(path)
    console.print(found.report.table())
    console.print(
        f"\nreport: {path}\nrecord: parley transcript {outcome.room_sid}"
        f"\nAPI:    {settings.api_url}/docs  with a token from: parley token",
        soft_wrap=True,
        highlight=False,
    )
    return found.report


def _write_details(path: Path, outcome: Outcome) -> None:
    """Keep what the figures were made of: every word spoken and every caption, with its times."""
    path.parent.mkdir(parents=True, exist_ok=True)
    details = {
        "room_sid": outcome.room_sid,
        "spoken": [asdict(stay) for stay in outcome.spoken],
        "captions": [asdict(caption) for caption in outcome.captions],
    }
    path.write_text(json.dumps(details, indent=1) + "\n")
