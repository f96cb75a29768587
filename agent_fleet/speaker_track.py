"""Whose audio a pipeline works on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SpeakerTrack:
    """One audio track of one participant in one room session."""

    room_sid: str
    room_name: str
    track_sid: str
    identity: str
    name: str
    language: str
