"""What the SDK alone costs: a participant that takes everybody's audio and drops it.

WebRTC receives, decodes and resamples each track whatever is then done with it: no agent that takes
its audio from the SDK can cost less. `python -m bench.bare_receiver URL TOKEN` is the participant.
"""

import asyncio
import os
import subprocess
import sys
from dataclasses import dataclass

from livekit import rtc

from agent_fleet.audio_tap import Router
from agent_fleet.frames import Opus
from bench.speech_load import Load, speakers
from bench.stand import Agent, Measured, Stand, publishing

_FRAME_MS = 120
_SETTLE_S = 2.0


@dataclass(frozen=True)
class Floor:
    """The least that a row of `bench.fleet` could cost, recognition aside."""

    speakers: int
    load: str
    variant: str
    cpu_pct: float
    rss_mb: float


async def run(stand: Stand, agent: Agent, count: int, load: Load, seconds: float) -> Floor:
    """So many people speak for so long, to somebody who does nothing with it.

    Args:
        stand: the servers.
        agent: of whom the settings are; it stays away.
        count: how many people.
        load: how they speak.
        seconds: how long.
    """
    people = speakers(count, load, seconds)
    async with stand.room(agent, attended=False) as room:
        with subprocess.Popen(  # noqa: ASYNC220 - a fork, and psutil follows it
            [
                sys.executable,
                "-m",
                "bench.bare_receiver",
                stand.settings.livekit_url,
                stand.listener_token(room),
            ],
            preexec_fn=lambda: os.sched_setaffinity(0, stand.cores.agent),
            stdout=subprocess.PIPE,
        ) as receiver:
            assert receiver.stdout is not None
            try:
                if not await asyncio.to_thread(receiver.stdout.readline):
                    raise RuntimeError("the receiver did not come into the room")
                async with publishing(stand.settings, room, people, readers=False) as publisher:
                    await publisher.all_started(count)
                    await asyncio.sleep(_SETTLE_S)
                    measured = Measured(receiver)
                    measured.mark()
                    await asyncio.sleep(seconds - _SETTLE_S - 1.0)
                    usage = measured.usage()
            finally:
                receiver.kill()
    return Floor(
        speakers=count,
        load=load,
        variant="bare receiver",
        cpu_pct=round(usage.cpu_pct, 1),
        rss_mb=round(usage.rss_mb),
    )


async def receive(url: str, token: str) -> None:
    """Take all audio, as the fleet does, until killed."""
    room, router, taps = rtc.Room(), Router(), []

    def drop(_: bytes, opus: Opus | None = None, _missing: int = 0, /) -> None:
        return None

    def subscribed(track: rtc.Track, *_: object) -> None:
        taps.append(router.open(track, drop, frame_ms=_FRAME_MS))

    room.on("track_subscribed", subscribed)
    await room.connect(url, token)
    print("in the room", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(receive(*sys.argv[1:]))
