"""Precision and recall of action items on the labelled meetings: `python -m bench.summary`."""

import argparse
import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from parley.domain.segment import Version
from parley.domain.summary import SummaryContent
from parley.domain.timeline import Timeline, TimelineParticipant, TimelineSegment
from parley.settings import load_settings
from parley.summary.engine import EngineName
from parley.summary.service import engine_for, make_summary

MEETINGS = Path(__file__).parent / "data" / "meetings"
_MS_PER_WORD = 350
_WORD = re.compile(r"[a-z0-9']+")
_EMPTY = frozenset(_WORD.findall("a an the to of for in on at by with about me my her his it and"))


@dataclass(frozen=True)
class Label:
    """An action item that a careful reader finds."""

    identity: str
    about: str
    due: str | None


@dataclass(frozen=True)
class Score:
    """How an engine did on one meeting."""

    meeting: str
    found: int
    extra: int
    missed: int
    due_right: int
    due_labelled: int


def load_meeting(path: Path) -> tuple[Timeline, list[Label]]:
    """A labelled meeting as the timeline that an engine gets, and its labels."""
    data = json.loads(path.read_text())
    at, segments = 1_000_000, []
    for n, line in enumerate(data["lines"]):
        end = at + _MS_PER_WORD * len(line["text"].split())
        segments.append(
            TimelineSegment(
                id=f"TR_{line['by']}.final.{n}",
                track_sid=f"TR_{line['by']}",
                identity=line["by"],
                version=Version.FINAL,
                start_ms=at,
                end_ms=end,
                text=line["text"],
                confidence=0.9,
            )
        )
        at = end + 400
    timeline = Timeline(
        room_sid=f"RM_{path.stem}",
        room_name=path.stem,
        started_ms=1_000_000,
        ended_ms=at,
        participants=tuple(
            TimelineParticipant(identity=i, name=name) for i, name in data["people"].items()
        ),
        segments=tuple(segments),
    )
    return timeline, [Label(**label) for label in data["actions"]]


def score(meeting: str, content: SummaryContent, labels: list[Label]) -> Score:
    """Match items with labels, each at most once."""
    items = [
        (a.participant_identity, item)
        for a in content.action_items
        for item in a.participant_actions
    ]
    left, due_right, due_labelled = list(labels), 0, 0
    found = 0
    for identity, item in items:
        for label in left:
            if label.identity == identity and _about(label.about, item.text):
                left.remove(label)
                found += 1
                if label.due:
                    due_labelled += 1
                    due_right += label.due.lower() in (item.due or "").lower()
                break
    return Score(meeting, found, len(items) - found, len(left), due_right, due_labelled)


def _about(label: str, text: str) -> bool:
    wanted = set(_WORD.findall(label.lower())) - _EMPTY
    return len(wanted & set(_WORD.findall(text.lower()))) * 2 >= len(wanted)


async def run(engine: EngineName) -> list[Score]:
    """Summarise every labelled meeting with an engine."""
    maker = engine_for(load_settings(), engine)
    scores = []
    for path in sorted(MEETINGS.glob("*.json")):
        timeline, labels = load_meeting(path)
        summary = await make_summary(timeline, maker)
        scores.append(score(path.stem, summary.content, labels))
    return scores


def rows(engine: str, scores: list[Score]) -> Iterator[dict[str, Any]]:
    """A row for each meeting, and one for all of them."""
    total = Score(
        "all",
        *(
            sum(getattr(s, name) for s in scores)
            for name in ("found", "extra", "missed", "due_right", "due_labelled")
        ),
    )
    for one in (*scores, total):
        yield {
            "engine": engine,
            "meeting": one.meeting,
            "found": one.found,
            "extra": one.extra,
            "missed": one.missed,
            "precision": _ratio(one.found, one.found + one.extra),
            "recall": _ratio(one.found, one.found + one.missed),
            "due": _ratio(one.due_right, one.due_labelled),
        }


def _ratio(part: int, whole: int) -> float:
    return round(part / whole, 3) if whole else 1.0


def main() -> None:
    """Print the table, or with `--json` one object a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--engine", action="append", choices=["extractive", "gemini"])
    arguments = parser.parse_args()
    engines: list[EngineName] = arguments.engine or ["extractive"]
    if not arguments.engine and load_settings().gemini_api_key:
        engines.append("gemini")
    table = Table("engine", "meeting", "found", "extra", "missed", "precision", "recall", "due")
    for engine in engines:
        for row in rows(engine, asyncio.run(run(engine))):
            if arguments.json:
                print(json.dumps(row))
            table.add_row(*(str(value) for value in row.values()))
    if not arguments.json:
        Console().print(table)


if __name__ == "__main__":
    main()
