"""Compares the record of the meeting with what was really spoken; nothing before this knew it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from parley.audio.ogg import decode
from parley.domain.summary import SummaryContent
from parley.domain.track import Recording
from parley_cli.api import Api
from parley_cli.demo.coverage import line_coverage
from parley_cli.demo.latency import caption_latencies
from parley_cli.demo.meeting import Outcome
from parley_cli.demo.report import CaptionFigures, Report
from parley_cli.demo.stay import Stay
from parley_cli.demo.wer import word_error_rate

RATE = 16_000


@dataclass(frozen=True)
class Evaluation:
    """The report, and the text of every segment that can be cited, by id."""

    report: Report
    said: dict[str, str]


async def evaluate(
    api: Api, outcome: Outcome, stays: Sequence[Stay], stages_s: dict[str, float]
) -> Evaluation:
    """Read the whole record through the API and measure it against the script."""
    live = [s async for s in api.transcript(outcome.room_sid, version="live")]
    final = [s async for s in api.transcript(outcome.room_sid, version="final")]
    said = {s["id"]: s["text"] for s in [*live, *final]}
    cited = cited_segments(outcome.summary.content)
    spoken_s, recorded_s, worst_s = await _recorded(api, outcome, stays)
    latencies = caption_latencies(
        [line for spoken in outcome.spoken for line in spoken.lines], outcome.captions
    )
    identities = sorted({stay.identity for stay in stays})
    report = Report(
        captions=CaptionFigures.of(latencies),
        live_wer=_error_rate(outcome, live),
        final_wer=_error_rate(outcome, final),
        spoken_s=round(spoken_s, 2),
        recorded_s=round(recorded_s, 2),
        max_track_gap_s=round(worst_s, 2),
        segments={who: sum(s["identity"] == who for s in final) for who in identities},
        summaries=1,  # the API gives one or none, and it gave one
        cited_segments_valid=bool(cited) and cited <= said.keys(),
        stages_s=stages_s,
    )
    return Evaluation(report, said)


def cited_segments(content: SummaryContent) -> set[str]:
    """The ids of all segments that a summary cites."""
    citing = [
        content.summary_segment_ids,
        *(topic.segment_ids for topic in content.topics),
        *(statement.segment_ids for statement in content.decisions),
        *(statement.segment_ids for statement in content.open_questions),
        *(a.segment_ids for entry in content.action_items for a in entry.participant_actions),
    ]
    return {segment_id for ids in citing for segment_id in ids}


def _error_rate(outcome: Outcome, segments: Iterable[dict[str, Any]]) -> float:
    """Word error rate over all speakers, each compared with their own lines."""
    ordered = sorted(segments, key=lambda segment: int(segment["start_ms"]))
    lines = [line for spoken in outcome.spoken for line in spoken.lines]
    pairs = []
    for who in sorted({line.identity for line in lines}):
        own = sorted((x for x in lines if x.identity == who), key=lambda line: line.start_ms)
        heard = " ".join(s["text"] for s in ordered if s["identity"] == who)
        pairs.append((" ".join(line.text for line in own), heard))
    return word_error_rate(pairs)


async def _recorded(
    api: Api, outcome: Outcome, stays: Sequence[Stay]
) -> tuple[float, float, float]:
    """Seconds spoken, seconds of them recorded, and the most that one track lacks."""
    tracks = {track["sid"]: track for track in outcome.tracks}
    spoken_s = recorded_s = worst_s = 0.0
    for stay, spoken in zip(stays, outcome.spoken, strict=True):
        audio = decode(await api.recording(outcome.room_sid, spoken.track_sid), RATE)
        loud = np.asarray(audio * 32768, dtype=np.float32)
        manifest = Recording.model_validate(tracks[spoken.track_sid]["recording"])
        placed = sorted(stay.lines, key=lambda line: line.at_ms)
        found = [
            line_coverage(line, said.start_ms, manifest, loud, RATE)
            for line, said in zip(placed, spoken.lines, strict=True)
        ]
        track_spoken = sum(f.spoken_s for f in found)
        track_recorded = sum(f.recorded_s for f in found)
        spoken_s += track_spoken
        recorded_s += track_recorded
        worst_s = max(worst_s, track_spoken - track_recorded)
    return spoken_s, recorded_s, worst_s
