"""How late captions are with 1, 4 and 8 speakers: `python -m bench.latency`."""

import argparse
import asyncio
import os

from bench.captions import Row, run
from bench.stand import stand
from bench.table import show


async def measure(counts: list[int], seconds: float, as_json: bool) -> list[Row]:
    """One run for each number of speakers."""
    rows = []
    async with stand() as servers, servers.agent() as agent:
        for count in counts:
            row = await run(servers, agent, count, "meeting" if count > 1 else "talking", seconds)
            rows.append(row)
            if as_json:
                show([row], as_json=True)
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speakers", default="1,4,8", help="numbers of speakers, with commas")
    parser.add_argument("--seconds", type=float, default=30.0, help="length of a run")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    wanted = parser.parse_args()
    counts = [int(part) for part in wanted.speakers.split(",")]
    rows = asyncio.run(measure(counts, wanted.seconds, wanted.json))
    if not wanted.json:
        show(rows, title=f"Caption latency (machine load {os.getloadavg()[0]:.1f})")


if __name__ == "__main__":
    main()
