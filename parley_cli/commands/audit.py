"""`parley audit` and `parley reconcile`: is a room's record complete, and repairing what is not."""

import asyncio
from typing import Any

import typer

from parley.telemetry.logs import configure_logs
from parley_cli.api import Api
from parley_cli.commands.options import RoomName, StateDir
from parley_cli.commands.printing import AsJson, console, new_table, offset_time, print_json
from parley_cli.connection import connected

REPAIRS = {
    "agent-sent": "an agent was sent to a room that had none",
    "completed": "a room was completed",
    "egress-begun": "an egress was started that no webhook had asked for",
    "egress-mended": "a track learned what became of its egress",
    "egress-rescued": "what a failed egress left became the recording",
    "erased": "a room past its retention was erased",
    "events-told": "an outbound event was delivered",
    "finalized": "a room was finalised that nobody had finalised",
    "finish-unrecorded": "a track was ended of which no recording is kept",
    "give-up": "a track failed, for its recording never arrived",
    "late-objects": "an object of an erased room was deleted",
    "look-for-recording": "a recording was found that nobody had told of",
    "requeue": "a recording was queued again for its transcript",
    "settle": "a room no longer waits for a track that is done",
    "timeline-put": "a summary was asked for again",
    "unpublished": "the end of a track was noted that no webhook had told",
}


def add_to(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.command("audit")(audit)
    app.command("reconcile")(reconcile)


def audit(
    room: RoomName,
    state_dir: StateDir = None,
    as_json: AsJson = False,
) -> None:
    """Say for each track of a room whether all of it is recorded and transcribed.

    The exit status is 1 when a track is not complete.
    """

    async def read() -> tuple[dict[str, Any], dict[str, str]]:
        async with Api(connected(state_dir)) as api:
            sid = (await api.find_room(room))["sid"]
            names = {t["sid"]: t["name"] or t["identity"] for t in await api.tracks(sid)}
            return await api.audit(sid), names

    found, names = asyncio.run(read())
    if as_json:
        print_json(found)
    else:
        print_audit(found, names)
    if not found["complete"]:
        raise typer.Exit(1)


def print_audit(found: dict[str, Any], names: dict[str, str]) -> None:
    """Print an audit as a table, a sentence a track, and one for the room.

    Args:
        found: the API's answer.
        names: what is shown for each track's speaker.
    """
    out = console()
    tracks = found["tracks"]
    table = new_table(
        "speaker",
        "track",
        "published",
        "recorded",
        "by",
        "gaps",
        "drift",
        "live",
        "final",
        "words/min",
    )
    for track in tracks:
        table.add_row(
            f"[bold]{names.get(track['track_sid'], track['identity'])}[/]",
            track["track_sid"],
            offset_time(round(track["published_s"] * 1000)),
            _or_dash(track["recorded_s"], lambda s: offset_time(round(s * 1000))),
            track["recorded_by"] or "-",
            f"{track['gaps']} ({track['gap_s']:.1f} s)" if track["gaps"] else "none",
            _or_dash(track["drift_ppm"], lambda ppm: f"{ppm:.0f} ppm"),
            str(track["live_segments"]),
            str(track["final_segments"]),
            _or_dash(track["words_per_minute"], lambda n: f"{n:.0f}"),
        )
    if tracks:
        out.print(table)
    for track in tracks:
        name = names.get(track["track_sid"], track["identity"])
        style = "green" if track["complete"] else "red"
        out.print(f"[bold]{name}[/]: [{style}]{track['verdict']}[/]", soft_wrap=True)
        if track["note"]:
            out.print(f"  [yellow]{track['note']}[/]", soft_wrap=True)
    out.print(room_verdict(found), soft_wrap=True)


def room_verdict(found: dict[str, Any]) -> str:
    """What the audit comes to, in one sentence."""
    tracks = found["tracks"]
    lacking = sum(not track["complete"] for track in tracks)
    if not tracks:
        return "nobody has published audio in this room"
    if not lacking:
        return f"the record is complete: {len(tracks)} of {len(tracks)} tracks"
    return f"the record is not complete: {lacking} of {len(tracks)} tracks lack something"


def reconcile(state_dir: StateDir = None, as_json: AsJson = False) -> None:
    """Compare LiveKit and the object store with the database once, and repair.

    A stack does the same every minute. The exit status is 1 when a room could not be looked at.
    """
    from functions.reconcile.handler import run  # its imports take a second

    settings = connected(state_dir)
    configure_logs("WARNING", "console")
    report = asyncio.run(run(settings))
    repairs = {name: times for name, times in sorted(report.repairs.items()) if times}
    if as_json:
        print_json({"rooms": report.rooms, "repairs": repairs, "failed": report.failed})
    else:
        out = console()
        for name, times in repairs.items():
            out.print(f"{times:>4} × {REPAIRS.get(name, name)}", soft_wrap=True)
        out.print(f"{report.rooms} rooms looked at, {sum(repairs.values())} repairs")
        if report.failed:
            out.print(f"[red]{report.failed} could not be looked at: see the log above[/]")
    if report.failed:
        raise typer.Exit(1)


def _or_dash(value: float | None, form: Any) -> str:
    return "-" if value is None else str(form(value))
