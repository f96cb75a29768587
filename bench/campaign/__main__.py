"""Does anything get lost? `python -m bench.campaign`: meetings while everything around them fails.

A tenth of LiveKit's webhooks are dropped, others doubled, delayed and out of order; the database
and the object store are cut off, the API and the functions' workers killed in the middle. In the
end every track must be recorded and transcribed, and every room have one summary.
"""

import argparse
import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.campaign.relay import DROPPED
from bench.campaign.run import battlefield, campaign
from parley.telemetry.logs import configure_logs


@contextmanager
def _folder(keep: Path | None, seed: int) -> Iterator[Path]:
    """Where a campaign's stack keeps its state and logs; removed afterwards unless it is kept."""
    if keep is not None:
        folder = keep / f"from-{seed}"
        folder.mkdir(parents=True)
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="parley-campaign-") as temporary:
        yield Path(temporary)


async def run(wanted: argparse.Namespace) -> int:
    """Campaign after campaign of ten rooms; returns how many rooms lack something."""
    lacking = 0
    seeds = range(wanted.first, wanted.first + wanted.seeds)
    for start in range(0, len(seeds), wanted.at_once):
        part = seeds[start : start + wanted.at_once]
        with _folder(wanted.keep, part[0]) as folder:
            async with battlefield(folder, part[0], drop=wanted.drop) as field:
                result = await campaign(
                    field,
                    part,
                    outage_s=wanted.outage,
                    reconcile=not wanted.no_reconciler,
                    limit_s=wanted.limit,
                )
        lacking += len(result.lacking)
        print(json.dumps({"seeds": f"{part[0]}-{part[-1]}", **vars(result)}))
    print(
        f"{len(seeds) - lacking} of {len(seeds)} meetings have their whole record", file=sys.stderr
    )
    return lacking


def main() -> int:
    """The exit status: 0 when nothing was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20, help="rooms")
    parser.add_argument("--first", type=int, default=1, help="first seed")
    parser.add_argument("--at-once", type=int, default=10, help="rooms at the same time")
    parser.add_argument("--outage", type=float, default=10.0, help="seconds each store is away")
    parser.add_argument("--drop", type=float, default=DROPPED, help="share of lost webhooks")
    parser.add_argument("--limit", type=float, default=120.0, help="seconds the records may take")
    parser.add_argument("--keep", type=Path, help="folder for the stacks' state and logs")
    parser.add_argument(
        "--no-reconciler", action="store_true", help="leave it out, to see that it is needed"
    )
    configure_logs("ERROR")  # that calls are tried again is what this is about
    return min(asyncio.run(run(parser.parse_args())), 1)


if __name__ == "__main__":
    sys.exit(main())
