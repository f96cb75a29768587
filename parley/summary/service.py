"""Make a room's summary with the engine that the settings ask for, and store it."""

from parley.blobs import BlobStore, summary_key
from parley.clock import Clock, wall_clock_ms
from parley.domain.summary import Summary
from parley.domain.timeline import Timeline
from parley.errors import SummaryError
from parley.settings import Settings
from parley.storage import Stores
from parley.summary.engine import Draft, EngineName, SummaryEngine
from parley.summary.extractive import ExtractiveEngine
from parley.summary.validate import checked
from parley.telemetry.logs import get_logger

log = get_logger("summary")


def engine_for(settings: Settings, name: EngineName | None = None) -> SummaryEngine:
    """The engine of this name, or else of the settings (`auto` is Gemini when there is a key).

    Raises:
        SetupError: Gemini is asked for and there is no key.
    """
    wanted = name or settings.summary_engine
    if wanted == "auto":
        wanted = "gemini" if settings.gemini_api_key else "extractive"
    if wanted == "gemini":
        from parley.summary.gemini import GeminiEngine  # its client takes 1 s to import

        return GeminiEngine.from_settings(settings)
    return ExtractiveEngine()


async def make_summary(
    timeline: Timeline, engine: SummaryEngine, clock: Clock = wall_clock_ms
) -> Summary:
    """Summarise a timeline and check every citation.

    When the engine fails for good, the extractive one does it, and the summary says so.

    Raises:
        SummaryError: not even that was possible.
    """
    try:
        draft = await engine.summarize(timeline)
    except SummaryError as error:
        if isinstance(engine, ExtractiveEngine):
            raise
        log.warning("summary engine failed", room_sid=timeline.room_sid, reason=str(error))
        draft = await _instead(timeline, str(error))
    result = checked(draft.content, timeline)
    return Summary(
        id=timeline.room_sid,
        room_name=timeline.room_name,
        input_hash=timeline.input_hash(),
        engine=draft.engine,
        model=draft.model,
        prompt_version=draft.prompt_version,
        created_ms=clock(),
        content=result.content,
        missing=timeline.missing,
        dropped_citations=result.dropped,
        note=draft.note,
    )


async def store_summary(stores: Stores, blobs: BlobStore, summary: Summary) -> None:
    """Store a summary, as document and as object, and note it in its room; repeatable."""
    await stores.summaries.put(summary)
    body = summary.model_dump_json(by_alias=True).encode()
    await blobs.put(summary_key(summary.id), body, "application/json")
    await stores.rooms.summary_done(summary.id, summary.input_hash, summary.created_ms)


async def _instead(timeline: Timeline, reason: str) -> Draft:
    draft = await ExtractiveEngine().summarize(timeline)
    return Draft(
        content=draft.content,
        engine=draft.engine,
        note=f"made without a model, because Gemini could not be used: {reason}",
    )
