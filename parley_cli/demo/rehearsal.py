"""Readies the script for the meeting: every line rendered and placed, every stay planned."""

import asyncio

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from parley.errors import ModelError
from parley.models import DEFAULT_VOICE, locate, pull
from parley_cli.demo.schedule import Presence
from parley_cli.demo.script import MEETING, Script
from parley_cli.demo.stay import PlacedLine, PlacedWord, Stay
from parley_cli.demo.voices import RenderedMeeting, Voices, render


async def rehearse(voices: Voices, console: Console, script: Script = MEETING) -> list[Stay]:
    """Render the script, showing how far that is, and plan who does what when.

    Raises:
        ParleyError: the voices cannot be made on this machine.
    """
    if voices == "kokoro" and locate(DEFAULT_VOICE) is None:
        await _fetch_kokoro(console)
    if not console.is_terminal:
        console.print(f"voices: rendering with {voices}, or from the cache")
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task(f"voices ({voices})", total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        meeting = await render(script, voices, show)
    console.print(f"voices: {len(meeting.lines)} lines by {voices} are ready")
    return plan_stays(meeting)


async def _fetch_kokoro(console: Console) -> None:
    """Fetch Kokoro, showing how far that is."""
    console.print("voices: fetching Kokoro's model and voices (about 90 MB)")
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        tasks: dict[str, TaskID] = {}

        def show(what: str, done: int, total: int | None) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what)
            progress.update(tasks[what], completed=done, total=total)

        try:
            await asyncio.to_thread(pull, DEFAULT_VOICE, show)
        except ModelError as error:
            raise type(error)(f"{error} Or: parley demo --voices espeak") from error


def plan_stays(meeting: RenderedMeeting) -> list[Stay]:
    """One stay for each presence in the schedule, with its lines and mutes."""
    return [_stay(meeting, presence) for presence in meeting.schedule.presences]


def _stay(meeting: RenderedMeeting, presence: Presence) -> Stay:
    names = {actor.identity: actor.name for actor in meeting.script.cast}
    lines = tuple(
        PlacedLine(
            text=scheduled.text,
            at_ms=scheduled.start_ms,
            samples=rendered.samples,
            words=tuple(PlacedWord(w.text, w.start_ms, w.end_ms) for w in rendered.words),
            sample_rate=meeting.sample_rate,
        )
        for scheduled, rendered in zip(meeting.schedule.lines, meeting.lines, strict=True)
        if scheduled.identity == presence.identity
        and presence.join_ms <= scheduled.start_ms < presence.leave_ms
    )
    return Stay(
        identity=presence.identity,
        name=names[presence.identity],
        join_ms=presence.join_ms,
        leave_ms=presence.leave_ms,
        lines=lines,
        mutes=tuple(presence.mutes),
        sample_rate=meeting.sample_rate,
    )
