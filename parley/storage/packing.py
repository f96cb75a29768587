"""How a segment lies in its chunk: its words packed into one string, unpacked where they are shown.

A page needs a hundred segments of some thousand that its chunks hold, and the words of few readers.
As documents, words were nine tenths of what the database and the driver had to take apart.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, NamedTuple

from parley.domain.segment import MAX_SEGMENTS_PER_CHUNK, Segment, Version, Word

# A page of a meeting needs a few segments of each speaker: chunks are read by pieces of so many.
PIECE = 25
# Words of chunks from before they were packed.
Unpacked = list[dict[str, Any]]


class StoredSegment(NamedTuple):
    """A segment as it is stored; `number` counts within its track's version."""

    id: str
    number: int
    start_ms: int
    end_ms: int
    text: str
    confidence: float
    packed: str | Unpacked

    @property
    def words(self) -> tuple[Word, ...]:
        """Its words."""
        return unpack(self.packed, self.start_ms)


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """A chunk as it is stored, or a piece of it; its segments are taken out as they are asked for.

    Attributes:
        id: the chunk's.
        version: which transcript.
        seq: the chunk's number.
        count: how many segments the chunk holds.
        documents: the segments that were read.
        piece: which piece of the chunk they are; None is all of it.
    """

    id: str
    version: Version
    seq: int
    count: int
    documents: Sequence[Mapping[str, Any]]
    piece: int | None = None

    def part(self, piece: int) -> "StoredChunk":
        """A piece of a chunk that was read as a whole."""
        return replace(self, documents=self.documents[piece * PIECE :][:PIECE], piece=piece)

    @property
    def rest(self) -> int | None:
        """The next piece of the chunk that there may be and was not read, or None."""
        if self.piece is None:
            return None
        # A live chunk may have grown since.
        full = len(self.documents) == PIECE
        until = MAX_SEGMENTS_PER_CHUNK if self.version is Version.LIVE and full else self.count
        return self.piece + 1 if (self.piece + 1) * PIECE < until else None

    def since(self, number: int, from_ms: int | None) -> Iterator[StoredSegment]:
        """Its segments from a number on, without the first ones that end by a time."""
        if not self.documents:
            return
        first = int(self.documents[0]["id"].rsplit(".", 1)[1])
        begin = max(0, number - first)
        if from_ms is not None:
            ends = (s["end_ms"] for s in self.documents[begin:])
            begin += sum(1 for _ in takewhile(lambda end_ms: end_ms <= from_ms, ends))
        for place in range(begin, len(self.documents)):
            s = self.documents[place]
            yield StoredSegment(
                s["id"],
                first + place,
                s["start_ms"],
                s["end_ms"],
                s["text"],
                s["confidence"],
                s.get("words", ""),
            )


def pack(segment: Segment) -> dict[str, Any]:
    """The document of a segment; its words are JSON, `[[text, start, end, confidence], …]`.

    The words' times are in ms from the segment's start.
    """
    begin_ms = segment.start_ms
    words = [
        (w.text, w.start_ms - begin_ms, w.end_ms - begin_ms, w.confidence) for w in segment.words
    ]
    return {
        "id": segment.id,
        "start_ms": begin_ms,
        "end_ms": segment.end_ms,
        "text": segment.text,
        "confidence": segment.confidence,
        "words": json.dumps(words, ensure_ascii=False, separators=(",", ":")),
    }


def unpack(packed: str | Unpacked, start_ms: int) -> tuple[Word, ...]:
    """The words of a segment that starts at a time (ms since the epoch)."""
    if not isinstance(packed, str):
        return tuple(Word.model_validate(word) for word in packed)
    return tuple(
        Word(text=text, start_ms=start_ms + start, end_ms=start_ms + end, confidence=confidence)
        for text, start, end, confidence in json.loads(packed or "[]")
    )


def stored_chunk(document: Mapping[str, Any], piece: int | None = None) -> StoredChunk:
    """A chunk's document, or a piece of it, with its words left packed."""
    return StoredChunk(
        document["_id"],
        Version(document["version"]),
        document["seq"],
        document["count"],
        document["segments"],
        piece,
    )


def with_words(document: Mapping[str, Any]) -> dict[str, Any]:
    """A chunk's document with the words of its segments unpacked."""
    segments = [
        {**s, "words": unpack(s.get("words", ""), s["start_ms"])} for s in document["segments"]
    ]
    return {**document, "segments": segments}
