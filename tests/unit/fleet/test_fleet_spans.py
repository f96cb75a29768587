"""Spans of segments: what they tell, and what they must not."""

import json

from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from agent_fleet.dispatcher import Caption
from agent_fleet.segment_spans import SPAN, SegmentSpans
from agent_fleet.speaker_track import SpeakerTrack

_TRACK = SpeakerTrack("RM_one", "standup", "TR_one", "ann", "Ann", "en")


class _Time:
    ms = 0

    def __call__(self) -> int:
        return self.ms


def _caption(text: str, *, final: bool, number: int = 0) -> Caption:
    return Caption(f"TR_one.live.{number}", final, text, 10_000, 12_000, 0.9 if final else 0.0)


def test_a_finished_segment_is_one_span_with_its_times_and_without_its_text() -> None:
    time, exporter = _Time(), InMemorySpanExporter()
    spans = SegmentSpans(SimpleSpanProcessor(exporter), "parley", time)
    for at, text, final in ((10_400, "zanzibar", False), (12_450, "zanzibar budget", True)):
        time.ms = at
        spans.caption_sent(_TRACK, _caption(text, final=final))
    (span,) = exporter.get_finished_spans()
    assert span.name == SPAN
    assert (span.start_time, span.end_time) == (10_000 * 10**6, 12_450 * 10**6)
    assert [(e.name, e.timestamp) for e in span.events] == [
        ("first caption", 10_400 * 10**6),
        ("last word ended", 12_000 * 10**6),
    ]
    assert span.attributes is not None
    assert span.attributes["parley.words"] == 2
    assert span.attributes["parley.final_after_ms"] == 450
    assert "zanzibar" not in json.dumps(json.loads(span.to_json()))


def test_what_is_taken_back_is_no_span_and_leaves_nothing_behind() -> None:
    exporter = InMemorySpanExporter()
    spans = SegmentSpans(SimpleSpanProcessor(exporter), "parley", _Time())
    spans.caption_sent(_TRACK, _caption("budget", final=False))
    spans.caption_sent(_TRACK, _caption("", final=True))
    assert exporter.get_finished_spans() == ()
    assert spans._first == {}


def test_segments_that_never_end_are_forgotten() -> None:
    spans = SegmentSpans(SimpleSpanProcessor(InMemorySpanExporter()), "parley", _Time())
    for number in range(5_000):
        spans.caption_sent(_TRACK, _caption("budget", final=False, number=number))
    assert len(spans._first) <= 1_001
