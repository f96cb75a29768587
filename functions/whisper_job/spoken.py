"""The final transcript of what the assistant said: the text that was spoken, not a guess at it."""

from parley.domain.segment import Version, segment_id
from parley.domain.track import Track
from parley.storage import Stores


async def keep_as_spoken(stores: Stores, track: Track) -> int:
    """Make the final version out of the live one, which the agent wrote as it spoke.

    The agent hands the recording over only when its segments are stored. The caller holds the
    track's lease.

    Returns:
        How many segments there are.
    """
    headers = track.headers(Version.LIVE)
    said = await stores.chunks.read_version(track.id, Version.LIVE, headers)
    final = [
        segment.model_copy(update={"id": segment_id(track.id, Version.FINAL, number)})
        for number, segment in enumerate(said)
    ]
    await stores.chunks.write_version(track.room_sid, track.id, Version.FINAL, final)
    return len(final)
