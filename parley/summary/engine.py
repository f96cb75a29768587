"""What a summary engine is: a timeline in, a content of the one schema out."""

from dataclasses import dataclass
from typing import Literal, Protocol

from parley.domain.summary import SummaryContent
from parley.domain.timeline import Timeline

EngineName = Literal["extractive", "gemini"]


@dataclass(frozen=True)
class Draft:
    """What an engine made, before its citations are checked.

    Attributes:
        content: the summary.
        engine: who made it.
        model: the model, where there is one.
        prompt_version: the prompt, where there is one.
        note: what the reader should know about how it was made.
    """

    content: SummaryContent
    engine: EngineName
    model: str | None = None
    prompt_version: str | None = None
    note: str | None = None


class SummaryEngine(Protocol):
    """Summarises meetings; one instance serves any number of them."""

    async def summarize(self, timeline: Timeline) -> Draft:
        """Summarise a meeting.

        Raises:
            SummaryError: no summary can be had now; `retryable` says whether trying later helps.
        """
        ...
