"""People come and go, and the agent's memory stays: `python -m bench.soak`.

Each cycle is one participant who joins, says a sentence and leaves; up to twenty are there at a
time. After each round, and once everybody's pipeline is closed, the agent is looked at. The first
round is not counted: it fills pools and caches.
"""

import argparse
import asyncio
import os
import time
from dataclasses import dataclass

from bench.speech_load import ScriptedSpeaker, speakers
from bench.stand import Agent, Stand, publisher_of, stand
from bench.table import show

_SECONDS = 6.0
_EVERY_MS = 300
_LIMIT_S = 120.0
_SETTLE_S = 6.0  # the agent gives memory back within five seconds


@dataclass(frozen=True)
class Row:
    """The agent after so many cycles, and its growth since the first round."""

    cycles: int
    rooms: int
    segments: int
    rss_mb: float
    growth_mb: float
    threads: int
    open_files: int


async def cycle(servers: Stand, agent: Agent, people: list[ScriptedSpeaker], count: int) -> int:
    """So many people come and go in a new room; returns the segments that were heard of them."""
    visits = [
        {
            "identity": f"guest-{number:03}",
            "name": f"Guest {number}",
            "file": str(people[number % len(people)].file),
            "join_after_ms": 1 + number * _EVERY_MS,
            "leave_at_end": True,
        }
        for number in range(count)
    ]
    segments: dict[str, int] = {}
    async with (
        servers.room(agent) as room,
        publisher_of(servers.settings, room, visits) as publisher,
    ):
        leaving = asyncio.create_task(publisher.all_left(count * _EVERY_MS / 1000 + _LIMIT_S))
        while not leaving.done():
            await asyncio.wait({leaving}, timeout=0.5)
            for pipeline in await agent.pipelines():
                segments[pipeline["track_sid"]] = pipeline["segments"]
        await leaving
    await empty(agent)
    await asyncio.sleep(_SETTLE_S)
    return sum(segments.values())


async def empty(agent: Agent) -> None:
    """Wait until the agent has no pipelines."""
    deadline = time.monotonic() + _LIMIT_S
    while await agent.pipelines():
        if time.monotonic() > deadline:
            raise TimeoutError("pipelines stay open")
        await asyncio.sleep(0.2)


async def measure(cycles: int, per_room: int, as_json: bool) -> list[Row]:
    """One agent, a new room for each round, and one round before that is not counted."""
    people = speakers(10, "talking", _SECONDS)
    rows: list[Row] = []
    async with stand() as servers, servers.agent() as agent:
        await cycle(servers, agent, people, per_room)
        first_mb = agent.rss_mb
        for room in range(1, cycles // per_room + 1):
            segments = await cycle(servers, agent, people, per_room)
            rows.append(
                Row(
                    cycles=room * per_room,
                    rooms=room,
                    segments=segments,
                    rss_mb=round(agent.rss_mb, 1),
                    growth_mb=round(agent.rss_mb - first_mb, 1),
                    threads=agent.threads,
                    open_files=agent.open_files,
                )
            )
            if as_json:
                show(rows[-1:], as_json=True)
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cycles", type=int, default=200, help="joins and leaves")
    parser.add_argument("--per-room", type=int, default=50, help="of them in each room")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    wanted = parser.parse_args()
    rows = asyncio.run(measure(wanted.cycles, wanted.per_room, wanted.json))
    if not wanted.json:
        show(rows, title=f"Joins and leaves (machine load {os.getloadavg()[0]:.1f})")


if __name__ == "__main__":
    main()
