"""Where parts of a recording lie until they are put together: one for each agent that made one."""

from parley.blobs.keys import recording_key


def parts_prefix(room_sid: str, track_sid: str) -> str:
    """What the keys of all parts of a track begin with."""
    return recording_key(room_sid, track_sid).replace("recordings/", "parts/", 1)[:-4] + "/"


def part_key(room_sid: str, track_sid: str, started_ms: int) -> str:
    """Where the part lies that begins at a time, in ms since the epoch."""
    return f"{parts_prefix(room_sid, track_sid)}{started_ms}.ogg"
