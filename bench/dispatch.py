"""From an agent's dispatch into a running room to its first caption: `python -m bench.dispatch`.

Somebody talks in the room all the time, the model is loaded, the agent has been in other rooms.
"""

import argparse
import asyncio
import os
import time
from dataclasses import dataclass

from bench.speech_load import ScriptedSpeaker, speakers
from bench.stand import Agent, Stand, publishing, stand
from bench.table import show
from parley.livekit_api import LiveKit
from parley_cli.demo.latency import percentile
from parley_cli.demo.listener import Caption, Listener

_LIMIT_S = 30.0


@dataclass(frozen=True)
class Row:
    """Several rooms, one after the other; times in ms."""

    rooms: int
    first_caption_p50_ms: float
    first_caption_max_ms: float


async def first_caption(servers: Stand, agent: Agent, person: ScriptedSpeaker) -> int:
    """Ms from the dispatch to the agent's first caption."""
    shown: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def on_caption(caption: Caption) -> None:
        if caption.text and not shown.done():
            shown.set_result(time.monotonic())

    async with servers.room(agent, attended=False) as room:
        token = servers.listener_token(room)
        async with (
            LiveKit.from_settings(agent.settings) as livekit,
            Listener(servers.settings.livekit_url, token, on_caption),
            publishing(servers.settings, room, [person]) as publisher,
            asyncio.timeout(_LIMIT_S),
        ):
            await publisher.all_started(1)
            word = person.words[len(person.words) // 8]  # they are talking by then
            begin_ms = publisher.started["speaker-000"][0] + word.start_ms
            await asyncio.sleep(begin_ms / 1000 - time.time())
            asked = time.monotonic()
            await livekit.dispatch_agent(room.name, agent.settings.agent_name)
            return round((await shown - asked) * 1000)


async def measure(rooms: int) -> Row:
    """One agent, so many rooms; the first of all only warms it up."""
    person = speakers(1, "talking", 40)[0]
    async with stand() as servers, servers.agent() as agent:
        found = [await first_caption(servers, agent, person) for _ in range(rooms + 1)][1:]
    return Row(
        rooms=rooms,
        first_caption_p50_ms=percentile(found, 50),
        first_caption_max_ms=max(found),
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, default=10)
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    wanted = parser.parse_args()
    row = asyncio.run(measure(wanted.rooms))
    show([row], title=f"Dispatch (machine load {os.getloadavg()[0]:.1f})", as_json=wanted.json)


if __name__ == "__main__":
    main()
