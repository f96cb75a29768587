"""Pages of long meetings: read by pieces, each segment once, in order, and no more than needed."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from parley.domain.segment import Segment, Version, segment_id
from parley.domain.track import Track, TrackStatus
from parley.storage import ChunkStore, Stores
from parley.storage.chunks import chunk_documents
from parley.storage.packing import PIECE, StoredChunk, stored_chunk
from parley.transcripts import Choice, Filter, TranscriptSegment, read_page
from parley.transcripts.cache import ChunkCache


class Chunks(ChunkStore):
    """Chunks in memory that count what is read of them."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.segments_read = 0

    async def get_stored(
        self, ids: Sequence[str], *, piece: int | None = None
    ) -> list[StoredChunk]:
        found = [stored_chunk(self.documents[id_]) for id_ in ids if id_ in self.documents]
        if piece is not None:
            found = [chunk.part(piece) for chunk in found]
        self.segments_read += sum(len(chunk.documents) for chunk in found)
        return found


class Meeting:
    """Tracks of one version; `late` is the share of segments that are stored out of order."""

    def __init__(
        self, counts: Sequence[int], version: Version, rng: random.Random, late: float = 0.0
    ) -> None:
        self.chunks = Chunks()
        self.stores: Any = type("OnlyChunks", (Stores,), {"__init__": lambda _: None})()
        object.__setattr__(self.stores, "chunks", self.chunks)
        self.tracks: dict[int, Track] = {}
        self.said: dict[str, list[int]] = {}
        self.segments: dict[str, Segment] = {}
        for place, count in enumerate(counts):
            sid, at_ms = f"TR_{place}", rng.randrange(5_000)
            starts: list[int] = []
            for _ in range(count):
                at_ms += rng.randrange(6_000)
                starts.append(max(0, at_ms - rng.randrange(900_000) * (rng.random() < late)))
            segments = [
                Segment(
                    id=segment_id(sid, version, n),
                    start_ms=start,
                    end_ms=start + 900,
                    text=rng.choice(["yes", "no"]),
                    confidence=rng.choice([0.4, 0.9]),
                )
                for n, start in enumerate(starts)
            ]
            made = chunk_documents("RM_a", sid, version, 0, segments)
            self.chunks.documents |= {d["_id"]: d for _, d in made}
            self.said[sid] = starts
            self.tracks[place] = Track(
                id=sid,
                room_sid="RM_a",
                identity=f"p{place}",
                status=TrackStatus.TRANSCRIBED,
                chunks={version: {f"{h.seq:06}": h for h, _ in made}},
            )
            self.segments |= {s.id: s for s in segments}

    async def read(
        self, choice: Choice, wanted: Filter, limit: int, cache: ChunkCache | None
    ) -> list[TranscriptSegment]:
        """All pages."""
        found: list[TranscriptSegment] = []
        after: Any = {}
        for _ in range(10_000):
            page = await read_page(
                self.stores,
                self.tracks,
                choice=choice,
                wanted=wanted,
                after=after,
                limit=limit,
                cache=cache,
            )
            found += page.segments
            after = page.positions
            if not page.more:
                return found
        raise AssertionError("the pages do not end")


filters = st.builds(
    Filter,
    from_ms=st.none() | st.integers(0, 400_000),
    to_ms=st.none() | st.integers(0, 900_000),
    min_confidence=st.none() | st.just(0.5),
    text=st.none() | st.just("YES"),
)


@settings(max_examples=150, deadline=None)
@given(
    counts=st.lists(st.integers(1, 60) | st.integers(180, 650), min_size=1, max_size=4),
    version=st.sampled_from(Version),
    wanted=st.just(Filter()) | filters,
    limit=st.integers(8, 30) | st.integers(30, 150),
    cached=st.booleans(),
    late=st.sampled_from([0.0, 0.002, 0.01, 0.1]),
    seed=st.integers(0, 1_000),
)
async def test_every_segment_that_matches_comes_once_and_in_order(
    counts: list[int],
    version: Version,
    wanted: Filter,
    limit: int,
    cached: bool,
    late: float,
    seed: int,
) -> None:
    meeting = Meeting(counts, version, random.Random(seed), late)
    cache = ChunkCache(most=2) if cached else None
    found = await meeting.read(Choice(version.value), wanted, limit, cache)
    expected = {
        id_
        for id_, s in meeting.segments.items()
        if (wanted.from_ms is None or s.end_ms > wanted.from_ms)
        and (wanted.to_ms is None or s.start_ms < wanted.to_ms)
        and (wanted.min_confidence is None or s.confidence >= wanted.min_confidence)
        and (wanted.text is None or s.text == "yes")
    }
    assert len(found) == len(expected)
    assert {segment.id for segment in found} == expected
    reached: dict[str, int] = {}
    order = []
    for segment in found:  # by time, where a track's time never falls
        number = int(segment.id.rsplit(".", 1)[1])
        assert number > reached.get(segment.track_sid, -1)
        reached[segment.track_sid] = number
        order.append(max(meeting.said[segment.track_sid][: number + 1]))
    if wanted.from_ms is None:
        assert order == sorted(order)


@pytest.mark.parametrize("version", Version)
async def test_a_page_of_a_long_meeting_reads_a_piece_of_each_speaker(version: Version) -> None:
    meeting = Meeting([600] * 30, version, random.Random(1))
    page = await read_page(
        meeting.stores,
        meeting.tracks,
        choice=Choice(version.value),
        wanted=Filter(),
        after={},
        limit=100,
    )
    assert len(page.segments) == 100
    assert page.chunks_read == 30
    assert meeting.chunks.segments_read == 30 * PIECE


async def test_the_cache_keeps_what_cannot_change_for_a_while() -> None:
    meeting = Meeting([PIECE + 5], Version.LIVE, random.Random(1))
    now = 0.0
    cache = ChunkCache(keep_s=60, monotonic=lambda: now)
    [id_] = meeting.chunks.documents

    async def read(piece: int | None) -> int:
        """How many segments were read from the database for it."""
        before = meeting.chunks.segments_read
        [found] = await cache.get_stored(meeting.chunks, [id_], piece=piece)
        assert len(found.documents) == {None: PIECE + 5, 0: PIECE, 1: 5}[piece]
        return meeting.chunks.segments_read - before

    assert [await read(0), await read(0)] == [PIECE, 0]
    assert [await read(1), await read(1)] == [5, 5]  # it may have grown
    assert [await read(None), await read(None)] == [PIECE + 5, PIECE + 5]
    now = 61.0
    assert await read(0) == PIECE


async def test_a_whole_chunk_in_the_cache_serves_its_pieces() -> None:
    meeting = Meeting([PIECE + 5], Version.FINAL, random.Random(1))
    cache = ChunkCache()
    ids = list(meeting.chunks.documents)
    [whole] = await cache.get_stored(meeting.chunks, ids)
    before = meeting.chunks.segments_read
    for piece, count in ((0, PIECE), (1, 5)):
        [part] = await cache.get_stored(meeting.chunks, ids, piece=piece)
        assert len(part.documents) == count
        assert part.rest == (1 if piece == 0 else None)
    assert meeting.chunks.segments_read == before
    assert whole.rest is None
