"""How long a page of a transcript takes, and what it reads: `python -m bench.transcripts`.

One meeting of an hour with 30 speakers, among 10,000 rooms, in the embedded database; pages of 100
segments through the API process, over HTTP.
"""

import argparse
import asyncio
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from bench.table import show
from parley.auth import mint
from parley.domain.room import RoomOptions
from parley.domain.segment import Segment, Version, Word, segment_id
from parley.domain.track import TrackStatus
from parley.rooms.tracks import publish_track
from parley.settings import Settings
from parley.storage import Stores
from parley_cli.stack.stack import Stack

START_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
WORDS = (
    *("we", "could", "move", "the", "review", "to", "monday", "and"),
    *("ask", "the", "others", "what", "they", "think", "about", "it"),
)


@dataclass(frozen=True)
class Row:
    """One kind of query; times in ms."""

    query: str
    pages: int
    segments: int
    chunks_per_page: float
    p50_ms: float
    p95_ms: float
    worst_ms: float


def talk(track: str, version: Version, rng: random.Random, until_ms: int) -> list[Segment]:
    """About eleven utterances a minute, of 3 to 12 words."""
    segments: list[Segment] = []
    at_ms = START_MS + rng.randrange(5_000)
    while at_ms < until_ms:
        words = rng.sample(WORDS, rng.randrange(3, 13))
        timed = tuple(
            Word(text=w, start_ms=at_ms + n * 300, end_ms=at_ms + n * 300 + 250, confidence=0.9)
            for n, w in enumerate(words)
        )
        segments.append(
            Segment(
                id=segment_id(track, version, len(segments)),
                start_ms=at_ms,
                end_ms=timed[-1].end_ms,
                text=" ".join(words),
                confidence=round(rng.uniform(0.5, 1.0), 3),
                words=timed,
            )
        )
        at_ms = timed[-1].end_ms + rng.randrange(500, 6_000)
    return segments


async def fill(stores: Stores, rooms: int, speakers: int, rng: random.Random) -> str:
    """The meeting, and all the other rooms; returns the meeting's sid."""
    for first in range(0, rooms, 50):
        await asyncio.gather(
            *(
                stores.rooms.register(f"RM_o{n}", f"other {n}", RoomOptions(), START_MS + n)
                for n in range(first, min(first + 50, rooms))
            )
        )
    sid = "RM_meeting"
    await stores.rooms.register(sid, "meeting", RoomOptions(), START_MS)
    for number in range(speakers):
        track = f"TR_{number}"
        await publish_track(
            stores,
            room_sid=sid,
            track_sid=track,
            identity=f"speaker-{number}",
            name=f"Speaker {number}",
            published_ms=START_MS,
        )
        for version in Version:
            said = talk(track, version, rng, START_MS + HOUR_MS)
            await stores.chunks.write_version(sid, track, version, said)
        await stores.tracks.finish(track, TrackStatus.TRANSCRIBED)
    return sid


async def pages(
    client: httpx.AsyncClient, sid: str, params: dict[str, str], most: int
) -> AsyncIterator[tuple[float, int, int]]:
    """Page after page: ms, segments, chunks read."""
    cursor: str | None = None
    for _ in range(most):
        query = params | ({"cursor": cursor} if cursor else {})
        began = time.perf_counter()
        answer = await client.get(f"/rooms/{sid}/transcript", params=query)
        took_ms = (time.perf_counter() - began) * 1000
        page = answer.raise_for_status().json()
        yield took_ms, len(page["segments"]), page["chunks_read"]
        cursor = page["next_cursor"]
        if not page["more"]:
            return


async def run(
    client: httpx.AsyncClient, sid: str, name: str, queries: list[dict[str, str]], most: int
) -> Row:
    """All pages of these queries, at most so many each."""
    found = [
        page for query in queries for page in [p async for p in pages(client, sid, query, most)]
    ]
    times = sorted(took_ms for took_ms, _, _ in found)
    return Row(
        name,
        len(found),
        sum(count for _, count, _ in found),
        round(sum(chunks for _, _, chunks in found) / len(found), 1),
        round(times[len(times) // 2], 1),
        round(times[int(len(times) * 0.95)], 1),
        round(times[-1], 1),
    )


async def measure(rooms: int, speakers: int, seed: int) -> list[Row]:
    """Fill a database, then read it in the ways that people do."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder:
        async with Stack(Path(folder), parts=["livekit", "mongo", "minio", "api"]) as stack:
            settings = Settings.model_validate(
                {k.removeprefix("PARLEY_").lower(): v for k, v in stack.environment.items()}
            )
            stores = Stores.from_settings(settings)
            sid = await fill(stores, rooms, speakers, rng)
            stores.close()
            token = mint(settings, sub="bench", role="admin")
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(
                base_url=settings.api_url, headers=headers, timeout=60
            ) as client:
                minutes = [{"from": f"{m}m", "to": f"{m + 1}m"} for m in range(60)]
                rng.shuffle(minutes)
                people = [{"participant": f"speaker-{n}"} for n in range(speakers)]
                await run(client, sid, "warm-up", [*minutes[:5], {}], 20)
                return [
                    await run(client, sid, "all, page after page", [{}], 60),
                    await run(client, sid, "any minute", minutes[:30], 3),
                    await run(client, sid, "one speaker", people, 3),
                    await run(client, sid, "with words", [{"words": "true"}], 20),
                    await run(client, sid, "live version", [{"version": "live"}], 20),
                ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rooms", type=int, default=10_000, help="other rooms in the database")
    parser.add_argument("--speakers", type=int, default=30, help="speakers of the meeting")
    parser.add_argument("--seed", type=int, default=1, help="of what is said")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    wanted = parser.parse_args()
    rows = asyncio.run(measure(wanted.rooms, wanted.speakers, wanted.seed))
    title = f"Transcript pages of 100 (machine load {os.getloadavg()[0]:.1f})"
    show(rows, title=title, as_json=wanted.json)


if __name__ == "__main__":
    main()
