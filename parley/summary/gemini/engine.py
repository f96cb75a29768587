"""Minutes by Gemini: one request for a short meeting; parts, merged, for a long one."""

import json

from pydantic import BaseModel, ConfigDict

from parley.domain.summary import SummaryContent
from parley.domain.timeline import Timeline, TimelineSegment
from parley.errors import SummaryError
from parley.gemini import Gemini, GeminiError
from parley.settings import Settings
from parley.summary.engine import Draft
from parley.summary.extractive.engine import summarize as without_model
from parley.summary.gemini.parts import cut_meeting, merged, tokens_of
from parley.summary.gemini.prompt import (
    INSTRUCTIONS,
    MERGE_INSTRUCTIONS,
    PROMPT_VERSION,
    Codebook,
)
from parley.telemetry.logs import get_logger

log = get_logger("summary")

_SCHEMA = SummaryContent.model_json_schema()


class _Whole(BaseModel):
    """What the merging request answers."""

    model_config = ConfigDict(frozen=True)

    summary: str
    summary_segment_ids: tuple[str, ...] = ()


class GeminiEngine:
    """Asks Gemini; makes a client for each meeting."""

    def __init__(self, settings: Settings) -> None:
        """Use these settings; see `from_settings`."""
        self._settings = settings

    @classmethod
    def from_settings(cls, settings: Settings) -> "GeminiEngine":
        """The engine for these settings; raises `SetupError` without a key."""
        Gemini.from_settings(settings)
        return cls(settings)

    async def summarize(self, timeline: Timeline) -> Draft:
        """Summarise a meeting; see `SummaryEngine.summarize`."""
        people = {p.identity for p in timeline.participants if p.kind == "person"}
        segments = [s for s in timeline.segments if s.identity in people]
        if not segments:
            return Draft(without_model(timeline), "extractive", note="nobody said anything")
        try:
            async with Gemini.from_settings(self._settings) as gemini:
                return await _Minutes(self._settings, gemini, timeline).write(segments)
        except GeminiError as error:
            raise SummaryError(str(error)) from error


class _Minutes:
    """The work on one meeting."""

    def __init__(self, settings: Settings, gemini: Gemini, timeline: Timeline) -> None:
        self._settings = settings
        self._gemini = gemini
        self._timeline = timeline
        self._codebook = Codebook(timeline)
        self._tokens_left = settings.summary_room_tokens
        self._models: dict[str, None] = {}

    async def write(self, segments: list[TimelineSegment]) -> Draft:
        parts = cut_meeting(
            segments,
            max_ms=round(self._settings.summary_part_minutes * 60_000),
            max_tokens=self._settings.summary_part_tokens,
        )
        contents: list[SummaryContent] = []
        unread = 0
        for part in parts:
            if tokens_of(part) > self._tokens_left:
                unread += 1
                contents.append(without_model(_only(self._timeline, part)))
            else:
                contents.append(await self._read(part))
        content = contents[0] if len(contents) == 1 else await self._merge(contents)
        note = None
        if unread:
            note = f"{unread} of {len(parts)} parts were read without a model: the room's budget"
        return Draft(
            content=content,
            engine="gemini",
            model=", ".join(self._models) or None,
            prompt_version=PROMPT_VERSION,
            note=note,
        )

    async def _read(self, part: list[TimelineSegment]) -> SummaryContent:
        answer = await self._gemini.generate_json(
            system=INSTRUCTIONS,
            prompt=self._codebook.encoded(self._timeline.participants, part),
            schema=_SCHEMA,
            parse=SummaryContent.model_validate_json,
        )
        self._count(answer.model, answer.input_tokens or tokens_of(part))
        return self._codebook.decoded(answer.value)

    async def _merge(self, contents: list[SummaryContent]) -> SummaryContent:
        """All items of all parts, and one summary of the whole in place of theirs."""
        whole = merged(contents)
        lines = [
            json.dumps(
                {
                    "summary": content.summary,
                    "cites": [
                        self._codebook.short(i)
                        for i in content.summary_segment_ids
                        if i in {s.id for s in self._timeline.segments}
                    ],
                    "decisions": [d.text for d in content.decisions],
                },
                ensure_ascii=False,
            )
            for content in contents
        ]
        try:
            answer = await self._gemini.generate_json(
                system=MERGE_INSTRUCTIONS,
                prompt="\n".join(lines),
                schema=_Whole.model_json_schema(),
                parse=_Whole.model_validate_json,
            )
        except GeminiError as error:  # the parts' summaries, one after another, are true as well
            log.warning("summaries of parts not merged", reason=str(error))
            return whole
        self._count(answer.model, answer.input_tokens)
        cited = self._codebook.ids(answer.value.summary_segment_ids)
        return whole.model_copy(
            update={
                "summary": answer.value.summary,
                "summary_segment_ids": cited or whole.summary_segment_ids,
            }
        )

    def _count(self, model: str, tokens: int) -> None:
        self._models[model] = None
        self._tokens_left -= tokens


def _only(timeline: Timeline, part: list[TimelineSegment]) -> Timeline:
    return timeline.model_copy(
        update={
            "segments": tuple(part),
            "started_ms": part[0].start_ms,
            "ended_ms": max(s.end_ms for s in part),
        }
    )
