"""Whose audio a pipeline works on."""

from dataclasses import dataclass, replace
from typing import Self

from parley.domain.track import TrackKind


@dataclass(frozen=True, slots=True)
class SpeakerTrack:
    """One audio track of one participant in one room session."""

    room_sid: str
    room_name: str
    track_sid: str
    identity: str
    name: str
    language: str
    wanted: str = ""
    """The language that was asked for, where that can't be served."""
    kind: TrackKind = "person"

    def speaking(self, language: str, wanted: str = "") -> Self:
        """The same track, heard in another language."""
        return replace(self, language=language, wanted=wanted)
