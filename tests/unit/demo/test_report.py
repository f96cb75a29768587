"""The report file: its form, and that it is whole or not there."""

import json
from pathlib import Path

from parley.domain.summary import (
    ParticipantAction,
    ParticipantActions,
    Statement,
    SummaryContent,
    Topic,
)
from parley_cli.demo.evaluate import cited_segments
from parley_cli.demo.latency import CaptionLatencies
from parley_cli.demo.report import CaptionFigures, Report

REPORT = Report(
    captions=CaptionFigures.of(CaptionLatencies(list(range(1, 101)), [700, 800], 120)),
    live_wer=0.02,
    final_wer=0.0,
    spoken_s=60.1,
    recorded_s=60.0,
    max_track_gap_s=0.1,
    segments={"alice": 7},
    summaries=1,
    cited_segments_valid=True,
    stages_s={"meeting": 69.2},
)


def test_the_file_has_the_promised_form(tmp_path: Path) -> None:
    path = tmp_path / "demo" / "report.json"
    REPORT.write(path)
    assert json.loads(path.read_text()) == {
        "captions": {
            "partial_p50_ms": 50,
            "partial_p95_ms": 95,
            "final_p50_ms": 700,
            "final_p95_ms": 800,
        },
        "live_wer": 0.02,
        "final_wer": 0.0,
        "spoken_s": 60.1,
        "recorded_s": 60.0,
        "max_track_gap_s": 0.1,
        "segments": {"alice": 7},
        "summaries": 1,
        "cited_segments_valid": True,
        "stages_s": {"meeting": 69.2},
    }
    assert list(path.parent.iterdir()) == [path]


def test_every_citation_of_a_summary_counts() -> None:
    content = SummaryContent(
        summary="s",
        summary_segment_ids=("f",),
        topics=(Topic(title="t", start_ms=0, end_ms=1, segment_ids=("a",)),),
        decisions=(Statement(text="d", segment_ids=("b", "c")),),
        open_questions=(Statement(text="q", segment_ids=("d",)),),
        action_items=(
            ParticipantActions(
                participant_identity="ann",
                participant_actions=(ParticipantAction(text="x", segment_ids=("e", "a")),),
            ),
        ),
    )
    assert cited_segments(content) == set("abcdef")
