"""How long a page of a transcript takes, and what it reads: `python -m bench.transcripts`.

One meeting of an hour with 30 speakers, among 10,000 rooms, in the embedded database; pages of 100
segments through the API process, over HTTP. The API keeps chunks that cannot change for a minute,
so the first page of a meeting that nobody has read is a row of its own.
"""

import argparse
import asyncio
import math
import os
import random
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pymongo

from bench.table import show
from parley.auth import mint
from parley.domain.room import Room
from parley.domain.segment import Segment, Version, Word, segment_id
from parley.domain.track import Track, TrackStatus
from parley.settings import Settings
from parley.storage.chunks import chunk_documents
from parley_cli.stack.stack import Stack

START_MS = 1_700_000_000_000
HOUR_MS = 3_600_000
ONCE = 40
Document = dict[str, Any]
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


def documents_of(
    sid: str, speakers: int, versions: Sequence[Version], rng: random.Random
) -> tuple[Document, list[Document], list[Document]]:
    """A meeting's room, tracks and chunks, as the stores write them."""
    tracks, chunks = [], []
    for number in range(speakers):
        track = Track(
            id=f"TR_{sid[3:]}_{number}",
            room_sid=sid,
            identity=f"speaker-{number}",
            name=f"Speaker {number}",
            published_ms=START_MS,
            status=TrackStatus.TRANSCRIBED,
        ).model_dump(by_alias=True, mode="json")
        for version in versions:
            said = talk(track["_id"], version, rng, START_MS + HOUR_MS)
            found = chunk_documents(sid, track["_id"], version, 0, said)
            track["chunks"][version.value] = {f"{h.seq:06}": h.model_dump() for h, _ in found}
            chunks += [document for _, document in found]
        tracks.append(track)
    sids = tuple(track["_id"] for track in tracks)
    room = Room(id=sid, name=sid, registered_ms=START_MS, tracks=sids)
    return room.model_dump(by_alias=True, mode="json"), tracks, chunks


def fill(settings: Settings, rooms: int, speakers: int, rng: random.Random) -> list[str]:
    """The meeting, some that are read once, and all the other rooms; returns the meetings' sids."""
    sids = ["RM_meeting", *(f"RM_once{n}" for n in range(ONCE))]
    others = [
        Room(id=f"RM_o{n}", name=f"other {n}", registered_ms=START_MS + n) for n in range(rooms)
    ]
    uri = settings.mongo_uri.get_secret_value()
    with pymongo.MongoClient[Document](uri) as client:
        database = client[settings.mongo_database]
        documents = [room.model_dump(by_alias=True, mode="json") for room in others]
        for first in range(0, rooms, 2_000):
            database["rooms"].insert_many(documents[first : first + 2_000])
        for sid in sids:
            versions = tuple(Version) if sid == sids[0] else (Version.FINAL,)
            room, tracks, chunks = documents_of(sid, speakers, versions, rng)
            database["rooms"].insert_one(room)
            database["tracks"].insert_many(tracks)
            for first in range(0, len(chunks), 20):
                database["chunks"].insert_many(chunks[first : first + 20])
    return sids


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
    client: httpx.AsyncClient,
    name: str,
    queries: Sequence[tuple[str, dict[str, str]]],
    most: int,
) -> Row:
    """All pages of these queries (of a meeting each), at most so many each."""
    found = [page for sid, query in queries async for page in pages(client, sid, query, most)]
    times = sorted(took_ms for took_ms, _, _ in found)
    return Row(
        name,
        len(found),
        sum(count for _, count, _ in found),
        round(sum(chunks for _, _, chunks in found) / len(found), 1),
        round(times[len(times) // 2], 1),
        round(times[math.ceil(len(times) * 0.95) - 1], 1),  # the nearest rank
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
            sid, *once = await asyncio.to_thread(fill, settings, rooms, speakers, rng)
            token = mint(settings, sub="bench", role="admin")
            headers = {"Authorization": f"Bearer {token}"}
            async with httpx.AsyncClient(
                base_url=settings.api_url, headers=headers, timeout=60
            ) as client:
                minutes = [(sid, {"from": f"{m}m", "to": f"{m + 1}m"}) for m in range(60)]
                rng.shuffle(minutes)
                people = [(sid, {"participant": f"speaker-{n}"}) for n in range(speakers)]
                await run(client, "warm-up", [*minutes[:5], (sid, {})], 20)
                return [
                    await run(client, "all, page after page", [(sid, {})], 100),
                    await run(client, "any minute", minutes, 3),
                    await run(client, "one speaker", people, 3),
                    await run(client, "with words", [(sid, {"words": "true"})], 40),
                    await run(client, "live version", [(sid, {"version": "live"})], 40),
                    await run(client, "a meeting's first page", [(s, {}) for s in once], 1),
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
