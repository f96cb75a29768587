"""Opaque cursors: how far a reader is in each track, and which version they began to read.

A time could not be the cursor: while a room is live, a speaker's long utterance is stored after
others' shorter ones that began later. A position per track neither repeats nor skips it. Tracks are
named by their place in the room's list, which only grows at its end.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from parley.domain.segment import Version
from parley.errors import BadInputError

_LETTER = {Version.LIVE: "l", Version.FINAL: "f"}
_VERSION = {letter: version for version, letter in _LETTER.items()}
_MAX_LENGTH = 16_384


@dataclass(frozen=True)
class Position:
    """The next segment number that a reader wants of a track's version."""

    version: Version
    number: int


Positions = Mapping[int, Position]


def fingerprint(*query: object) -> str:
    """A short hash of a query's parameters; a cursor is good for the query that it came from."""
    return hashlib.sha256(json.dumps([str(part) for part in query]).encode()).hexdigest()[:8]


def encode(positions: Positions, query: str) -> str:
    """A cursor of these positions for this query's fingerprint."""
    tracks = {f"{place}{_LETTER[p.version]}": p.number for place, p in positions.items()}
    body = json.dumps([query, tracks], separators=(",", ":"))
    return base64.urlsafe_b64encode(body.encode()).decode().rstrip("=")


def decode(cursor: str, query: str) -> dict[int, Position]:
    """The positions in a cursor.

    Raises:
        BadInputError: it is none of ours, or of another query.
    """
    try:
        if len(cursor) > _MAX_LENGTH:
            raise ValueError("too long")
        padded = cursor + "=" * (-len(cursor) % 4)
        made_for, tracks = json.loads(base64.urlsafe_b64decode(padded.encode("ascii")))
        positions = {
            int(key[:-1]): Position(_VERSION[key[-1]], int(number))
            for key, number in tracks.items()
        }
        if any(p.number < 0 for p in positions.values()):
            raise ValueError("before the first")
    except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
        raise BadInputError("the cursor is not one of ours") from error
    if made_for != query:
        raise BadInputError("the cursor belongs to another query; keep the parameters the same")
    return positions
