"""Holds the scripted meeting in a real room and waits until all that should come of it has come."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from parley.domain.summary import Summary
from parley.errors import NotFoundError, ParleyError
from parley.settings import Settings
from parley_cli.api import Api
from parley_cli.demo.latency import caption_latencies, percentile, words_of
from parley_cli.demo.listener import Caption, Listener
from parley_cli.demo.pacing import MeetingClock
from parley_cli.demo.participant import Spoken, attend
from parley_cli.demo.progress import TrackProgress
from parley_cli.demo.screen import Screen
from parley_cli.demo.stages import StageError, Stages, until
from parley_cli.demo.stay import Stay

LISTENER = "listener"
LEAD_S = 1.0
"""Seconds between the agent's arrival and the meeting's start."""


@dataclass(frozen=True)
class Limits:
    """How long each stage may take, in seconds."""

    agent_s: float = 30.0
    tracks_s: float = 15.0
    stored_s: float = 60.0
    transcribed_s: float = 900.0
    completed_s: float = 30.0
    summary_s: float = 120.0


@dataclass(frozen=True)
class Outcome:
    """What the meeting left behind."""

    room_sid: str
    spoken: Sequence[Spoken]
    captions: Sequence[Caption]
    tracks: Sequence[dict[str, Any]]
    summary: Summary


async def hold_meeting(
    api: Api,
    settings: Settings,
    name: str,
    stays: Sequence[Stay],
    screen: Screen,
    stages: Stages,
    limits: Limits,
) -> Outcome:
    """Open a room, speak the script into it, finalise it and wait for its summary.

    Raises:
        StageError: something did not happen in time; the message says what.
    """
    with stages.timed("room"):
        sid = await api.create_room(name)
        tokens = [await api.join_token(sid, stay.identity, stay.name) for stay in stays]
        ear = await api.join_token(sid, LISTENER, "Listener")
        screen.stage(f"room {name} is open: {sid}")
    lateness = _Lateness(stays)

    def show(caption: Caption) -> None:
        screen.caption(caption, lateness.at_s(caption), lateness.late_ms(caption))

    progress = TrackProgress(api, sid, screen.stage)
    async with Listener(settings.livekit_url, ear, show) as listener:
        with stages.timed("agent"):
            await until(_true_when(listener.agents), limits.agent_s, lambda: "no agent joined")
        screen.stage("the agent has joined")
        with stages.timed("meeting"):
            clock = MeetingClock.starting_in(LEAD_S)
            lateness.clock = clock
            spoken = await _talk(stays, tokens, clock, settings.livekit_url, progress)
        screen.stage(f"the meeting is over; {_captions_text(spoken, listener.captions)}")
        await _until_tracks_known(progress, spoken, limits)
        await api.finalize(sid)
        with stages.timed("recordings"):
            await until(
                progress.all_stored,
                limits.stored_s,
                lambda: f"not all recordings were stored ({progress.waiting_for()})",
            )
    with stages.timed("transcripts"):
        await until(
            progress.all_transcribed,
            limits.transcribed_s,
            lambda: f"not all transcripts were done ({progress.waiting_for()})",
        )
    if lost := [t for t in progress.tracks if t["status"] != "transcribed"]:
        raise StageError(
            "no transcript of " + ", ".join(f"{t['identity']}: {t['error']}" for t in lost)
        )
    with stages.timed("completion"):
        await until(_completed(api, sid), limits.completed_s, lambda: "the room did not complete")
    screen.stage("room completed")
    with stages.timed("summary"):
        await until(_summarised(api, sid), limits.summary_s, lambda: "no summary was made")
    return Outcome(sid, spoken, listener.captions, progress.tracks, await api.summary(sid))


class _Lateness:
    """How late a caption is, by the script: what a person sees; the report measures anew."""

    def __init__(self, stays: Sequence[Stay]) -> None:
        self.clock: MeetingClock | None = None
        self._words = [
            (stay.identity, words_of(word.text)[-1:], line.at_ms + word.start_ms, end_ms)
            for stay in stays
            for line in stay.lines
            for word in line.words
            for end_ms in (line.at_ms + word.end_ms,)
        ]

    def at_s(self, caption: Caption) -> float:
        return (caption.arrived_ms - self.clock.start_ms) / 1000 if self.clock else 0.0

    def late_ms(self, caption: Caption) -> int | None:
        """From the end of the caption's last word to its arrival, if that word was said lately."""
        if self.clock is None or not (heard := words_of(caption.text)[-1:]):
            return None
        at_ms = caption.arrived_ms - self.clock.start_ms
        ends = [
            end_ms
            for identity, word, start_ms, end_ms in self._words
            if identity == caption.identity and word == heard and start_ms <= at_ms
        ]
        return at_ms - max(ends) if ends else None


async def _talk(
    stays: Sequence[Stay],
    tokens: Sequence[str],
    clock: MeetingClock,
    url: str,
    progress: TrackProgress,
) -> list[Spoken]:
    """Let all participants do what the script says, and tell of what is stored meanwhile."""
    try:
        async with asyncio.TaskGroup() as tasks:
            talks = [
                tasks.create_task(attend(stay, clock, url, token, seed))
                for seed, (stay, token) in enumerate(zip(stays, tokens, strict=True))
            ]
            watching = tasks.create_task(_watch(progress))
            await asyncio.wait(talks)
            watching.cancel()
    except BaseExceptionGroup as group:
        ours, others = group.split(ParleyError)
        raise (ours or others or group).exceptions[0] from None
    return [talk.result() for talk in talks]


def _captions_text(spoken: Sequence[Spoken], captions: Sequence[Caption]) -> str:
    found = caption_latencies([line for stay in spoken for line in stay.lines], captions)
    return (
        f"{len(captions)} captions, partial p95 {percentile(found.partial_ms, 95):.0f} ms, "
        f"frames at most {max(stay.worst_delay_ms for stay in spoken):.0f} ms late"
    )


async def _watch(progress: TrackProgress) -> None:
    """Tell of recordings that are stored while others still speak."""
    while True:
        await progress.look()
        await asyncio.sleep(1.0)


async def _until_tracks_known(
    progress: TrackProgress, spoken: Sequence[Spoken], limits: Limits
) -> None:
    """Wait until the room lists every track that was spoken on: later it would take no more."""
    wanted = {stay.track_sid for stay in spoken}

    async def known() -> bool:
        await progress.look()
        return wanted <= {track["sid"] for track in progress.tracks}

    await until(known, limits.tracks_s, lambda: "the room did not hear of all tracks")


def _true_when(value: Any) -> Any:
    async def asked() -> bool:
        return bool(value())

    return asked


def _completed(api: Api, sid: str) -> Any:
    async def asked() -> bool:
        return bool((await api.room(sid))["status"] == "completed")

    return asked


def _summarised(api: Api, sid: str) -> Any:
    async def asked() -> bool:
        try:
            await api.summary(sid)
        except NotFoundError:
            state = (await api.room(sid))["summary"]
            if state["status"] == "failed":
                raise StageError(f"the summary failed: {state['error']}") from None
            return False
        return True

    return asked
