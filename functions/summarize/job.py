"""One timeline to its room's summary: once per input, whoever asks and however often."""

from parley.blobs import BlobStore
from parley.clock import Clock, wall_clock_ms
from parley.domain.room import Room
from parley.domain.timeline import Timeline
from parley.errors import BadInputError, ParleyError
from parley.settings import Settings
from parley.storage import Stores
from parley.summary.again import read_timeline
from parley.summary.engine import SummaryEngine
from parley.summary.service import engine_for, make_summary, store_summary
from parley.telemetry.lambda_run import count
from parley.telemetry.logs import get_logger

log = get_logger("summarize")


async def summarize_room(
    settings: Settings,
    stores: Stores,
    blobs: BlobStore,
    room_sid: str,
    *,
    engine: SummaryEngine | None = None,
    clock: Clock = wall_clock_ms,
) -> bool:
    """Summarise a room's timeline, unless that same timeline is summarised already.

    Args:
        settings: engine, attempts.
        stores: the database.
        blobs: the object store.
        room_sid: room; one that is not registered, or wants no summary, is ignored.
        engine: instead of the settings'.
        clock: the time.

    Returns:
        Whether a summary was made now.

    Raises:
        ParleyError: this attempt failed; after `job_attempts` of them the room's summary is
            `failed`, with the reason.
    """
    room = await stores.rooms.find(room_sid)
    if room is None or not room.options.summarize:
        log.info("timeline ignored", room_sid=room_sid, known=room is not None)
        return False
    try:
        timeline = await read_timeline(blobs, room_sid)
        if await _done_already(stores, blobs, room, timeline):
            return False
        summary = await make_summary(timeline, engine or engine_for(settings), clock)
        await store_summary(stores, blobs, summary)
    except BadInputError as error:
        await stores.rooms.set_summary(room_sid, status="failed", error=str(error))
        log.error("summary impossible", room_sid=room_sid, reason=str(error))
        return False
    except Exception as error:
        await _failed(settings, stores, room, error)
        raise
    count("SummariesMade")
    log.info(
        "summary stored",
        room_sid=room_sid,
        engine=summary.engine,
        model=summary.model,
        actions=sum(len(a.participant_actions) for a in summary.content.action_items),
        dropped=summary.dropped_citations,
    )
    return True


async def _done_already(stores: Stores, blobs: BlobStore, room: Room, timeline: Timeline) -> bool:
    summary = await stores.summaries.find(room.id)
    if summary is None or summary.input_hash != timeline.input_hash():
        return False
    if room.summary.status != "done":  # an earlier run died before it had noted it
        await store_summary(stores, blobs, summary)
    return True


async def _failed(settings: Settings, stores: Stores, room: Room, error: Exception) -> None:
    reason = str(error) if isinstance(error, ParleyError) else f"unexpected {type(error).__name__}"
    attempts = room.summary.attempts + 1
    status = "failed" if attempts >= settings.job_attempts else "requested"
    await stores.rooms.set_summary(room.id, attempts=attempts, status=status, error=reason)
