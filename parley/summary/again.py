"""Make a room's summary anew, with another engine or after a change: `parley summary --again`."""

from pydantic import ValidationError

from parley.blobs import BlobStore, timeline_key
from parley.clock import Clock, wall_clock_ms
from parley.domain.room import RoomStatus
from parley.domain.summary import Summary
from parley.domain.timeline import Timeline
from parley.errors import BadInputError, BlobNotFoundError, ConflictError
from parley.settings import Settings
from parley.storage import Stores
from parley.summary.engine import EngineName
from parley.summary.service import engine_for, make_summary, store_summary


async def redo_summary(
    stores: Stores,
    blobs: BlobStore,
    settings: Settings,
    room_sid: str,
    engine: EngineName | None = None,
    clock: Clock = wall_clock_ms,
) -> Summary:
    """Summarise a completed room once more and replace its summary.

    Args:
        stores: the database.
        blobs: the object store.
        settings: key and models.
        room_sid: room.
        engine: another engine than the settings'.
        clock: the time.

    Raises:
        NotFoundError: no such room.
        ConflictError: the room is not completed.
        SetupError: the engine lacks its key.
        SummaryError: no summary could be made.
    """
    room = await stores.rooms.get(room_sid)
    if room.status is not RoomStatus.COMPLETED:
        raise ConflictError(f"room {room_sid} is not completed: it has no timeline yet")
    summary = await make_summary(
        await read_timeline(blobs, room_sid), engine_for(settings, engine), clock
    )
    await store_summary(stores, blobs, summary)
    return summary


async def read_timeline(blobs: BlobStore, room_sid: str) -> Timeline:
    """A completed room's timeline.

    Raises:
        ConflictError: it is not in the object store.
        BadInputError: it is not a timeline.
    """
    try:
        body = await blobs.get(timeline_key(room_sid))
    except BlobNotFoundError as error:
        raise ConflictError(f"the timeline of room {room_sid} is missing") from error
    try:
        return Timeline.model_validate_json(body)
    except ValidationError as error:
        raise BadInputError(f"the timeline of room {room_sid} can't be read") from error
