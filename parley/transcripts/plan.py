"""Which chunks a page needs: as few as possible, in as few round trips as possible. Pure rules."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from parley.domain.segment import MAX_SEGMENTS_PER_CHUNK, Version, chunk_id
from parley.domain.track import Track
from parley.storage.packing import PIECE, StoredChunk
from parley.transcripts.filters import Filter

# Read a little more than the estimate, for utterances are not evenly spread.
_MARGIN = 1.3


@dataclass(frozen=True)
class Candidate:
    """A chunk that can have matching segments.

    Attributes:
        place: the track's place in its room.
        version: which transcript.
        seq: the chunk's number.
        start_ms: no segment of it starts before.
        end_ms: about where it ends.
        count: about how many segments are still to be read of it.
        piece: the piece with which reading begins; None reads all of it.
    """

    place: int
    track_sid: str
    version: Version
    seq: int
    start_ms: int
    end_ms: int
    count: int
    piece: int | None = None

    @property
    def id(self) -> str:
        """The chunk's id."""
        return chunk_id(self.track_sid, self.version, self.seq)


def candidates(
    place: int, track: Track, version: Version, number: int, wanted: Filter
) -> list[Candidate]:
    """The chunks of one track from segment `number` on that can match, in order."""
    headers = track.headers(version)
    found: list[Candidate] = []
    end = 0
    for header in headers:
        begin, end = end, end + header.count
        growing = version is Version.LIVE and header is headers[-1]
        read_before = end <= number and not growing
        if read_before or not wanted.wants_chunk(header, growing=growing):
            continue
        done = max(0, number - begin)
        piece = done // PIECE if wanted.begins_with(header) else None
        found.append(
            Candidate(
                place,
                track.id,
                version,
                header.seq,
                header.start_ms,
                header.end_ms,
                max(1, header.count - done),
                piece,
            )
        )
    last = headers[-1] if headers else None
    if version is Version.LIVE and (last is None or last.count == MAX_SEGMENTS_PER_CHUNK):
        # The writer may have opened the next chunk and not yet written its header.
        start = last.start_ms if last else track.published_ms
        seq = last.seq + 1 if last else 0
        if last is None or wanted.to_ms is None or start < wanted.to_ms:
            found.append(Candidate(place, track.id, version, seq, start, start, 0))
    return _with_rising_starts(found)


def _with_rising_starts(chunks: list[Candidate]) -> list[Candidate]:
    """Let no chunk seem to start after a later one of its track, so they are read in order."""
    rising: list[Candidate] = []
    earliest: int | None = None
    for chunk in reversed(chunks):
        earliest = chunk.start_ms if earliest is None else min(earliest, chunk.start_ms)
        rising.append(replace(chunk, start_ms=earliest))
    return rising[::-1]


def rest_of(candidate: Candidate, read: StoredChunk, number: int) -> Candidate | None:
    """What is left of a chunk of which a piece was read, from segment `number` on.

    In a track's stream time never falls, so neither the rest nor what comes after it is before the
    latest segment that was read.
    """
    if read.rest is None:
        return None
    starts = (segment.start_ms for segment in read.since(number, None))
    start_ms = max(starts, default=candidate.start_ms)
    left = max(1, candidate.count - len(read.documents))
    return replace(candidate, start_ms=start_ms, count=left, piece=read.rest)


def next_wave(pending: Sequence[Candidate], need: int) -> list[Candidate]:
    """The chunks to read next so that about `need` segments become known, earliest first.

    Of a track's last chunk a piece is read, where that seems enough.
    """
    low = min(c.start_ms for c in pending)
    high = max(max(c.end_ms for c in pending), low)
    if _expected(pending, high) > need * _MARGIN:
        while low < high:
            middle = (low + high) // 2
            if _expected(pending, middle) >= need * _MARGIN:
                high = middle
            else:
                low = middle + 1
    chosen = sorted((c for c in pending if c.start_ms <= high), key=lambda c: (c.start_ms, c.seq))
    last = {c.place: c.seq for c in chosen}
    return [
        c if c.seq == last[c.place] and _expected([c], high) <= PIECE else replace(c, piece=None)
        for c in chosen
    ]


def _expected(pending: Iterable[Candidate], until_ms: int) -> float:
    """How many segments start before a time, were they spread evenly over their chunks."""
    return sum(
        c.count * min(1.0, max(0.0, (until_ms - c.start_ms + 1) / (c.end_ms - c.start_ms + 1)))
        for c in pending
    )
