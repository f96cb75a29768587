"""Object keys: made of `[A-Za-z0-9/_.-]` only, because emulators and AWS encode the rest apart."""

import re
from typing import NamedTuple

from parley.errors import BadInputError

_SAFE = re.compile(r"[A-Za-z0-9_.-]+")
_RECORDING = re.compile(r"recordings/([A-Za-z0-9_.-]+)/([A-Za-z0-9_.-]+)\.ogg")
_TIMELINE = re.compile(r"timelines/([A-Za-z0-9_.-]+)\.json")


class RecordingName(NamedTuple):
    """The room and track that a recording's key names."""

    room_sid: str
    track_sid: str


def _safe(part: str) -> str:
    if not _SAFE.fullmatch(part) or part.startswith("."):
        raise BadInputError(f"{part!r} cannot be part of an object key")
    return part


def recording_key(room_sid: str, track_sid: str) -> str:
    """Where a track's Ogg Opus recording lies."""
    return f"recordings/{_safe(room_sid)}/{_safe(track_sid)}.ogg"


def manifest_key(room_sid: str, track_sid: str) -> str:
    """Where the recording's manifest (first frame, gaps, samples) lies."""
    return f"recordings/{_safe(room_sid)}/{_safe(track_sid)}.json"


def egress_prefix(room_sid: str) -> str:
    """Where LiveKit's egress puts a room's files, before they become recordings."""
    return f"egress/{_safe(room_sid)}/"


def egress_key(room_sid: str, track_sid: str) -> str:
    """Where LiveKit's egress puts a track's Ogg Opus file."""
    return f"{egress_prefix(room_sid)}{_safe(track_sid)}.ogg"


def timeline_key(room_sid: str) -> str:
    """Where a completed room's timeline lies; its creation starts the summary."""
    return f"timelines/{_safe(room_sid)}.json"


def summary_key(room_sid: str) -> str:
    """Where a room's summary lies."""
    return f"summaries/{_safe(room_sid)}.json"


def speech_key(digest: str) -> str:
    """Where the speech lies that was made of a request with this digest."""
    return f"speech/{_safe(digest)}.ogg"


def speech_part_key(digest: str) -> str:
    """Where the first sentences of such a speech lie while the rest is being made."""
    return f"speech/parts/{_safe(digest)}.pcm"


def parse_recording_key(key: str) -> RecordingName | None:
    """The room and track of a recording's key, or None when it is no recording's."""
    match = _RECORDING.fullmatch(key)
    return RecordingName(*match.groups()) if match else None


def parse_timeline_key(key: str) -> str | None:
    """The room of a timeline's key, or None when it is no timeline's."""
    match = _TIMELINE.fullmatch(key)
    return match.group(1) if match else None
