"""Reads a room's transcript by id only: room, its tracks, and just the chunks that can match."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from parley.domain.base import Record
from parley.domain.room import Room
from parley.domain.segment import Chunk, Segment, Version, Word
from parley.domain.track import Track
from parley.storage import Stores
from parley.transcripts.cache import ChunkCache
from parley.transcripts.cursor import Position, Positions
from parley.transcripts.filters import Choice, Filter
from parley.transcripts.plan import Candidate, candidates, next_wave

# A page that searches for rare words ends after so many chunks, with a cursor to go on from.
MAX_CHUNKS_PER_PAGE = 400


class TranscriptSegment(Record):
    """One utterance with its speaker."""

    id: str
    track_sid: str
    identity: Annotated[str, Field(description="The speaker's participant identity.")]
    name: Annotated[str, Field(description="The speaker's name.")]
    version: Version
    start_ms: int
    end_ms: int
    text: str
    confidence: float
    words: tuple[Word, ...] | None = None


@dataclass(frozen=True)
class Page:
    """Some segments in order, and where the next page begins.

    Attributes:
        segments: at most the limit.
        positions: what the next page's cursor is made of.
        more: whether there are more segments now.
        chunks_read: how many chunks were asked for.
    """

    segments: list[TranscriptSegment]
    positions: Positions
    more: bool
    chunks_read: int


@dataclass(frozen=True)
class _Entry:
    """A segment in a track's stream; `at_ms` never falls along the stream."""

    at_ms: int
    place: int
    number: int
    version: Version
    segment: Segment
    wanted: bool

    @property
    def key(self) -> tuple[int, int, int]:
        return self.at_ms, self.place, self.number


async def tracks_of(stores: Stores, room: Room) -> dict[int, Track]:
    """A room's tracks by their place in its list."""
    found = {track.id: track for track in await stores.tracks.get_many(room.tracks)}
    return {place: found[sid] for place, sid in enumerate(room.tracks) if sid in found}


def room_start_ms(room: Room, tracks: Iterable[Track]) -> int:
    """When a room's record begins: its first track's publication, else its registration."""
    return min((t.published_ms for t in tracks if t.published_ms), default=room.registered_ms)


async def read_page(
    stores: Stores,
    tracks: dict[int, Track],
    *,
    choice: Choice,
    wanted: Filter,
    after: Positions,
    limit: int,
    words: bool = False,
    cache: ChunkCache | None = None,
) -> Page:
    """The next segments of a transcript.

    Args:
        stores: the database.
        tracks: the room's tracks by place.
        choice: which version is read; a track that `after` names keeps the version it began with.
        wanted: which segments.
        after: how far the reader is.
        limit: at most so many segments.
        words: whether segments carry their words.
        cache: chunks that were read a moment ago.
    """
    pending: list[Candidate] = []
    for place, track in tracks.items():
        if wanted.wants_track(track):
            at = after.get(place) or Position(choice.of(track), 0)
            pending += candidates(place, track, at.version, at.number, wanted)
    certain: list[_Entry] = []
    read = 0
    need = limit + 1  # one more tells whether there is a next page
    loaded: dict[int, list[Chunk]] = {}
    while pending and (read < MAX_CHUNKS_PER_PAGE or not certain):
        wave = next_wave(pending, need)[:MAX_CHUNKS_PER_PAGE]
        chosen = {c.id for c in wave}
        pending = [c for c in pending if c.id not in chosen]
        read += len(wave)
        places = {c.id: c.place for c in wave}
        for chunk in await _read(stores, [c.id for c in wave], words, cache):
            loaded.setdefault(places[chunk.id], []).append(chunk)
        # What starts at or after the first unread chunk is not known to be next.
        bound = min((c.start_ms for c in pending), default=None)
        certain = _first(loaded, after, wanted, need=limit + 1, before_ms=bound)
        known = sum(e.wanted for e in certain)
        if known > limit:
            break
        need = (limit + 1 - known) * 2
    matching = [e for e in certain if e.wanted]
    page = matching[:limit]
    more = len(matching) > limit or bool(pending)
    end = page[-1].key if len(matching) > limit else None
    positions = dict(after)
    for entry in certain:
        if end is None or entry.key <= end:
            positions[entry.place] = Position(entry.version, entry.number + 1)
    return Page([_shown(e, tracks[e.place], words) for e in page], positions, more, read)


async def read_all(
    stores: Stores, tracks: dict[int, Track], *, choice: Choice, wanted: Filter
) -> list[TranscriptSegment]:
    """A whole transcript in order, without words."""
    segments: list[TranscriptSegment] = []
    after: Positions = {}
    while True:
        page = await read_page(
            stores, tracks, choice=choice, wanted=wanted, after=after, limit=5_000
        )
        segments += page.segments
        if not page.more:
            return segments
        after = page.positions


async def _read(
    stores: Stores, ids: Sequence[str], words: bool, cache: ChunkCache | None
) -> list[Chunk]:
    if words or cache is None:
        return await stores.chunks.get_many(ids, words=words)
    return await cache.get_many(stores.chunks, ids)


def _first(
    loaded: Mapping[int, Sequence[Chunk]],
    after: Positions,
    wanted: Filter,
    *,
    need: int,
    before_ms: int | None,
) -> list[_Entry]:
    """The streams of all tracks merged by time, up to `need` wanted ones or a time."""
    streams = [
        _stream(place, chunks, after[place].number if place in after else 0, wanted)
        for place, chunks in loaded.items()
    ]
    entries: list[_Entry] = []
    for entry in heapq.merge(*streams, key=lambda e: e.key):
        if before_ms is not None and entry.at_ms >= before_ms:
            break
        entries.append(entry)
        need -= entry.wanted
        if not need:
            break
    return entries


def _stream(place: int, chunks: Sequence[Chunk], start: int, wanted: Filter) -> Iterator[_Entry]:
    """One track's segments from number `start` on."""
    at_ms = 0
    for chunk in sorted(chunks, key=lambda c: c.seq):
        first = int(chunk.segments[0].id.rsplit(".", 1)[1])
        for number, segment in enumerate(
            chunk.segments[max(0, start - first) :], max(first, start)
        ):
            at_ms = max(at_ms, segment.start_ms)
            yield _Entry(at_ms, place, number, chunk.version, segment, wanted.wants(segment))


def _shown(entry: _Entry, track: Track, words: bool) -> TranscriptSegment:
    segment = entry.segment
    return TranscriptSegment(
        id=segment.id,
        track_sid=track.id,
        identity=track.identity,
        name=track.name or track.identity,
        version=entry.version,
        start_ms=segment.start_ms,
        end_ms=segment.end_ms,
        text=segment.text,
        confidence=segment.confidence,
        words=segment.words if words else None,
    )
