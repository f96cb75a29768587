"""What one agent process carries on one core: `python -m bench.fleet`.

Real LiveKit, real WebRTC tracks from a Go publisher, room noise instead of digital silence. The
agent has a core of its own; publisher, servers and the listening client share the others. One
client shows the captions; with `--readers` the speakers do too.
"""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from bench import bare_receiver
from bench.bare_receiver import Floor
from bench.captions import Row, bare_loop, run
from bench.speech_load import Load, speakers
from bench.stand import Network, Stand, stand
from bench.table import show

DEFAULT_SPEAKERS = (1, 5, 10, 20, 30, 45, 60)

ABLATIONS: dict[str, dict[str, str]] = {
    "full": {},
    "no gate": {"speech_gate": "false"},
    "frames of 60 ms": {"frame_ms": "60", "short_frame_speakers": "0"},
    "10-ms frames": {"frame_ms": "10", "short_frame_speakers": "0"},
    "the SDK's audio": {"subscriber": "sdk"},
    "its stock streams": {"subscriber": "sdk", "routed_audio": "false"},
    "no recording": {"record_audio": "false"},
}
"""What is switched off, by setting, one thing at a time."""


@dataclass(frozen=True)
class Plan:
    """What is to be measured."""

    speakers: Sequence[int]
    loads: Sequence[Load]
    variants: Sequence[str]
    seconds: float
    readers: bool
    receiver: bool
    network: Network


async def measure(servers: Stand, plan: Plan, as_json: bool) -> tuple[list[Row], list[Floor]]:
    """A fresh agent for each variant, and a room for each row."""
    rows: list[Row] = []
    floors: list[Floor] = []
    for variant in plan.variants:
        for load in plan.loads:
            for count in plan.speakers:
                async with servers.agent(**ABLATIONS[variant]) as agent:
                    row = await run(
                        servers,
                        agent,
                        count,
                        load,
                        plan.seconds,
                        variant,
                        readers=plan.readers,
                        network=plan.network,
                    )
                    if plan.receiver and variant == plan.variants[-1]:
                        floors.append(
                            await bare_receiver.run(servers, agent, count, load, plan.seconds)
                        )
                rows.append(row)
                if variant == plan.variants[-1]:
                    rows.append(bare_loop(tuple(speakers(count, load, plan.seconds)), load))
                if as_json:
                    show(rows[rows.index(row) :], as_json=True)
                    show(floors[-1:], as_json=True)
                else:
                    print(f"{variant}, {load}, {count} speakers: done", file=sys.stderr)
    return rows, floors


async def main_async(plan: Plan, as_json: bool) -> tuple[list[Row], list[Floor]]:
    """Measure on servers of its own."""
    async with stand() as servers:
        return await measure(servers, plan, as_json)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speakers", help="numbers of speakers, with commas")
    parser.add_argument(
        "--load", choices=["meeting", "talking", "silent", "muted"], action="append"
    )
    parser.add_argument("--ablate", action="store_true", help="switch things off one by one")
    parser.add_argument("--variant", choices=list(ABLATIONS), action="append")
    parser.add_argument("--seconds", type=float, default=40.0, help="length of a run")
    parser.add_argument(
        "--readers", action="store_true", help="send captions to all speakers, not to one client"
    )
    parser.add_argument(
        "--receiver", action="store_true", help="and what it costs to take the audio and drop it"
    )
    parser.add_argument(
        "--delay", type=float, default=0.0, help="the mean delay of a speaker's network, in ms"
    )
    parser.add_argument("--lost", type=float, default=0.0, help="what it loses, in percent")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    wanted = parser.parse_args()
    counts = wanted.speakers or ("20" if wanted.ablate else ",".join(map(str, DEFAULT_SPEAKERS)))
    plan = Plan(
        speakers=[int(part) for part in counts.split(",")],
        loads=wanted.load or ["meeting", "talking"],
        variants=wanted.variant or (list(ABLATIONS) if wanted.ablate else ["full"]),
        seconds=wanted.seconds,
        readers=wanted.readers,
        receiver=wanted.receiver,
        network=Network(wanted.delay, wanted.lost),
    )
    rows, floors = asyncio.run(main_async(plan, wanted.json))
    if not wanted.json:
        show(rows, title=f"One agent on one core (machine load {os.getloadavg()[0]:.1f})")
        show(floors, title="A participant that takes the audio and drops it, on the same core")


if __name__ == "__main__":
    main()
