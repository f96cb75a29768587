"""What a reader wants of a transcript, and which chunks and segments can have it. Pure rules."""

import re
from dataclasses import dataclass
from enum import StrEnum

from parley.domain.segment import ChunkHeader, Version
from parley.domain.track import Track
from parley.errors import BadInputError
from parley.storage.packing import StoredSegment

_TIME = re.compile(r"(\d{1,15})(ms|s|m|h)?")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


class Choice(StrEnum):
    """Which version of each track is read; `best` is the final one where it exists."""

    LIVE = "live"
    FINAL = "final"
    BEST = "best"

    def of(self, track: Track) -> Version:
        """The version that is read of this track."""
        return track.best_version if self is Choice.BEST else Version(self.value)


@dataclass(frozen=True)
class Filter:
    """What must hold of a segment; absent parts let everything through.

    Attributes:
        from_ms: the segment ends after this time.
        to_ms: the segment starts before this time.
        participant: the speaker's identity.
        min_confidence: the segment's least confidence, 0..1.
        text: words that the segment contains, whatever their case.
    """

    from_ms: int | None = None
    to_ms: int | None = None
    participant: str | None = None
    min_confidence: float | None = None
    text: str | None = None

    def wants_track(self, track: Track) -> bool:
        """Whether the track can have matching segments."""
        return self.participant is None or track.identity == self.participant

    def wants_chunk(self, header: ChunkHeader, *, growing: bool) -> bool:
        """Whether a chunk can have matching segments.

        Args:
            header: what is known of it.
            growing: it may have grown since, so only its start is certain.
        """
        if self.to_ms is not None and header.start_ms >= self.to_ms:
            return False
        if growing:
            return True
        if self.from_ms is not None and header.end_ms <= self.from_ms:
            return False
        return self.min_confidence is None or header.max_confidence >= self.min_confidence

    def begins_with(self, header: ChunkHeader) -> bool:
        """Whether a reader begins with the first segments of a chunk that they have not read.

        Otherwise which of its segments match is not known before all are read.
        """
        later = self.from_ms is not None and header.start_ms < self.from_ms
        return not later and self.text is None and self.min_confidence is None

    def wants(self, segment: StoredSegment) -> bool:
        """Whether a segment matches (its participant is known to)."""
        if self.from_ms is not None and segment.end_ms <= self.from_ms:
            return False
        if self.to_ms is not None and segment.start_ms >= self.to_ms:
            return False
        if self.min_confidence is not None and segment.confidence < self.min_confidence:
            return False
        return self.text is None or self.text.casefold() in segment.text.casefold()


def parse_time(value: str, room_start_ms: int) -> int:
    """A time in a query as ms since the epoch.

    Args:
        value: digits alone are ms since the epoch; with a unit (`90s`, `1500ms`, `2m`, `1h`) they
            count from the room's start.
        room_start_ms: the room's start.

    Raises:
        BadInputError: it is neither.
    """
    match = _TIME.fullmatch(value)
    if match is None:
        raise BadInputError(
            "a time is ms since the epoch, or with a unit since the room's start: 90s, 1500ms, 2m"
        )
    number, unit = match.groups()
    return int(number) if unit is None else room_start_ms + int(number) * _UNIT_MS[unit]
