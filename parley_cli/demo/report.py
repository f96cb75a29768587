"""The demo's figures: `report.json` for machines, one table for people."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from pydantic import BaseModel
from rich.table import Table

from parley_cli.commands.printing import new_table
from parley_cli.demo.latency import CaptionLatencies, percentile


class CaptionFigures(BaseModel):
    """Milliseconds from the audio's end to the caption at another participant's client."""

    partial_p50_ms: float
    partial_p95_ms: float
    final_p50_ms: float
    final_p95_ms: float

    @classmethod
    def of(cls, latencies: CaptionLatencies) -> "CaptionFigures":
        """The percentiles of what was measured."""
        return cls(
            partial_p50_ms=percentile(latencies.partial_ms, 50),
            partial_p95_ms=percentile(latencies.partial_ms, 95),
            final_p50_ms=percentile(latencies.final_ms, 50),
            final_p95_ms=percentile(latencies.final_ms, 95),
        )


class Report(BaseModel):
    """What one demo came to.

    Attributes:
        captions: how late they were.
        live_wer: word error rate of the live transcript against the script, 0..1.
        final_wer: the same of the final transcript.
        spoken_s: seconds of scripted speech.
        recorded_s: seconds of it that the recordings hold at their time.
        max_track_gap_s: the most that one track's recording lacks of its speech, in seconds.
        segments: segments of the final transcript by identity.
        summaries: summaries of the room.
        cited_segments_valid: whether there are citations and each names a segment of the room.
        stages_s: seconds that each stage took.
    """

    captions: CaptionFigures
    live_wer: float
    final_wer: float
    spoken_s: float
    recorded_s: float
    max_track_gap_s: float
    segments: dict[str, int]
    summaries: int
    cited_segments_valid: bool
    stages_s: dict[str, float]

    def write(self, path: Path) -> None:
        """Write the report as JSON, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".part")
        unfinished.write_text(json.dumps(self.model_dump(), indent=2) + "\n")
        os.replace(unfinished, path)

    def table(self) -> Table:
        """The figures for people."""
        table = new_table("what came of it", "", "")
        for row in self._rows():
            table.add_row(*row)
        return table

    def _rows(self) -> Iterable[tuple[str, str, str]]:
        c = self.captions
        yield "captions, partial", _p(c.partial_p50_ms, c.partial_p95_ms), "word spoken → caption"
        yield "captions, final", _p(c.final_p50_ms, c.final_p95_ms), "utterance ends → caption"
        yield (
            "word error rate",
            f"live {self.live_wer:.1%}, final {self.final_wer:.1%}",
            "of script",
        )
        yield (
            "recorded of spoken",
            f"{self.recorded_s:.1f} of {self.spoken_s:.1f} s",
            f"worst track lacks {self.max_track_gap_s:.2f} s",
        )
        spread = ", ".join(f"{who} {n}" for who, n in self.segments.items())
        yield "segments", spread, "in the final transcript"
        valid = "all citations valid" if self.cited_segments_valid else "BROKEN CITATIONS"
        yield "summaries", str(self.summaries), valid
        for stage, seconds in self.stages_s.items():
            yield f"time: {stage}", f"{seconds:.1f} s", ""


def _p(p50: float, p95: float) -> str:
    return f"p50 {p50:.0f} ms, p95 {p95:.0f} ms"
