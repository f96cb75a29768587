"""Reads a room's transcript by id only: room, its tracks, and just the chunks that can match."""

import heapq
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Annotated, NamedTuple

from pydantic import Field

from parley.domain.base import Record
from parley.domain.room import Room
from parley.domain.segment import Version, Word
from parley.domain.track import Track, TrackKind
from parley.storage import Stores
from parley.storage.packing import StoredChunk, StoredSegment
from parley.together import together
from parley.transcripts.cache import ChunkCache
from parley.transcripts.cursor import Position, Positions
from parley.transcripts.filters import Choice, Filter
from parley.transcripts.plan import Candidate, candidates, next_wave, rest_of

# A page that searches for rare words ends after so many chunks, with a cursor to go on from.
MAX_CHUNKS_PER_PAGE = 400


class TranscriptSegment(Record):
    """One utterance with its speaker."""

    id: str
    track_sid: str
    identity: Annotated[str, Field(description="The speaker's participant identity.")]
    name: Annotated[str, Field(description="The speaker's name.")]
    kind: TrackKind = "person"
    version: Version
    start_ms: int
    end_ms: int
    text: str
    confidence: float
    words: tuple[Word, ...] | None = None


_key = itemgetter(0, 1, 2)  # of an entry: time, place, number


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


class _Entry(NamedTuple):
    """A segment in a track's stream; `at_ms` never falls along the stream."""

    at_ms: int
    place: int
    number: int
    version: Version
    wanted: bool
    segment: StoredSegment


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
    need = limit + 1  # one more tells whether there is a next page
    loaded: dict[int, dict[tuple[int, int], StoredChunk]] = {}
    chunks: set[str] = set()
    while pending and (len(chunks) < MAX_CHUNKS_PER_PAGE or not certain):
        wave = next_wave(pending, need)[:MAX_CHUNKS_PER_PAGE]
        chosen = {c.id: c for c in wave}
        chunks.update(chosen)
        pending = [c for c in pending if c.id not in chosen]
        for chunk in await _read(stores, wave, cache):
            candidate = chosen[chunk.id]
            pieces = loaded.setdefault(candidate.place, {})
            if chunk.piece is None:  # pieces of it may have been read before
                for key in [key for key in pieces if key[0] == chunk.seq]:
                    del pieces[key]
            pieces[chunk.seq, chunk.piece or 0] = chunk
            number = after[candidate.place].number if candidate.place in after else 0
            if rest := rest_of(candidate, chunk, number):
                pending.append(rest)
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
    end = _key(page[-1]) if len(matching) > limit else None
    positions = dict(after)
    for entry in certain:
        if end is None or _key(entry) <= end:
            positions[entry.place] = Position(entry.version, entry.number + 1)
    shown = [_shown(e, tracks[e.place], words) for e in page]
    return Page(shown, positions, more, len(chunks))


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
    stores: Stores, wave: Sequence[Candidate], cache: ChunkCache | None
) -> list[StoredChunk]:
    """One round trip for each piece that is asked for, all at once."""
    ids: dict[int | None, list[str]] = {}
    for candidate in wave:
        ids.setdefault(candidate.piece, []).append(candidate.id)
    store = stores.chunks
    found = await together(
        store.get_stored(those, piece=piece)
        if cache is None
        else cache.get_stored(store, those, piece=piece)
        for piece, those in ids.items()
    )
    return [chunk for chunks in found for chunk in chunks]


def _first(
    loaded: Mapping[int, Mapping[tuple[int, int], StoredChunk]],
    after: Positions,
    wanted: Filter,
    *,
    need: int,
    before_ms: int | None,
) -> list[_Entry]:
    """The streams of all tracks merged by time, up to `need` wanted ones or a time."""
    streams = [
        _stream(
            place,
            [chunk for _, chunk in sorted(chunks.items(), key=itemgetter(0))],
            after[place].number if place in after else 0,
            wanted,
        )
        for place, chunks in loaded.items()
    ]
    entries: list[_Entry] = []
    for entry in heapq.merge(*streams, key=_key):
        if before_ms is not None and entry.at_ms >= before_ms:
            break
        entries.append(entry)
        need -= entry.wanted
        if not need:
            break
    return entries


def _stream(
    place: int, chunks: Sequence[StoredChunk], start: int, wanted: Filter
) -> Iterator[_Entry]:
    """One track's segments from number `start` on, without the first ones that end too early."""
    at_ms, begun = 0, False
    for chunk in chunks:
        for segment in chunk.since(start, None if begun else wanted.from_ms):
            begun = True
            at_ms = max(at_ms, segment.start_ms)
            yield _Entry(
                at_ms, place, segment.number, chunk.version, wanted.wants(segment), segment
            )


def _shown(entry: _Entry, track: Track, words: bool) -> TranscriptSegment:
    segment = entry.segment
    return TranscriptSegment(
        id=segment.id,
        track_sid=track.id,
        identity=track.identity,
        name=track.name or track.identity,
        kind=track.kind,
        version=entry.version,
        start_ms=segment.start_ms,
        end_ms=segment.end_ms,
        text=segment.text,
        confidence=segment.confidence,
        words=segment.words if words else None,
    )
