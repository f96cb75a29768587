"""The one schema of a summary, whichever engine made it; every statement cites segments."""

from typing import Annotated, Literal

from pydantic import Field

from parley.domain.base import Record
from parley.domain.timeline import MissingTrack

SegmentIds = Annotated[tuple[str, ...], Field(description="Ids of the segments this rests on.")]


class ParticipantAction(Record):
    """One thing a participant is to do."""

    text: str
    due: str | None = Field(None, description="The deadline in the speaker's words.")
    segment_ids: SegmentIds


class ParticipantActions(Record):
    """The action items of one participant."""

    participant_identity: str
    participant_actions: tuple[ParticipantAction, ...]


class Topic(Record):
    """What was talked about between two times."""

    title: str
    start_ms: int
    end_ms: int
    segment_ids: SegmentIds = ()


class Statement(Record):
    """A decision or an open question."""

    text: str
    segment_ids: SegmentIds


class SummaryContent(Record):
    """What an engine answers (also given to Gemini as response schema)."""

    summary: str
    summary_segment_ids: SegmentIds = ()
    topics: tuple[Topic, ...] = ()
    decisions: tuple[Statement, ...] = ()
    open_questions: tuple[Statement, ...] = ()
    action_items: tuple[ParticipantActions, ...] = ()


class Summary(Record):
    """The stored document: content and how it came about. `_id` is the room's sid."""

    id: str = Field(alias="_id")
    room_name: str
    input_hash: str
    engine: Literal["extractive", "gemini"]
    model: str | None = None
    prompt_version: str | None = None
    created_ms: int
    content: SummaryContent
    missing: tuple[MissingTrack, ...] = ()
    dropped_citations: int = 0
    note: str | None = Field(None, description="What a reader should know about its making.")
