"""OpenTelemetry spans of finished segments, when an OTLP endpoint is configured; no text in them.

A span lasts from the segment's first word in the air to its final caption being sent. It is made
once that has happened, from times that are known by then, so that nothing is kept open for a
speaker who vanishes.
"""

import threading

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from agent_fleet.dispatcher import Caption
from agent_fleet.speaker_track import SpeakerTrack
from parley.clock import Clock, wall_clock_ms

SPAN = "parley.segment"
_NS = 1_000_000
_MOST_OPEN = 1_000
"""First captions remembered: a segment that is never finished must not stay for ever."""


class SegmentSpans:
    """Makes the spans of one process; any thread may call it."""

    def __init__(
        self, processor: SpanProcessor, agent_name: str, clock: Clock = wall_clock_ms
    ) -> None:
        """Hand spans to this processor.

        Args:
            processor: exports them, in a thread of its own.
            agent_name: the service's name in them is `parley-<agent_name>`.
            clock: the time in ms since the epoch.
        """
        resource = Resource.create({"service.name": f"parley-{agent_name}"})
        # Not the global provider: livekit-agents sets that one.
        self._provider = TracerProvider(resource=resource)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("agent_fleet")
        self._clock = clock
        self._first: dict[str, int] = {}
        self._lock = threading.Lock()

    @classmethod
    def to_endpoint(cls, endpoint: str, agent_name: str) -> "SegmentSpans":
        """Export to an OTLP/HTTP collector, e.g. `http://127.0.0.1:4318`."""
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        return cls(BatchSpanProcessor(exporter), agent_name)

    def caption_sent(self, track: SpeakerTrack, caption: Caption) -> None:
        """A caption went out: note the first of a segment, make the span at the last."""
        now_ms = self._clock()
        with self._lock:
            first_ms = self._first.setdefault(caption.segment_id, now_ms)
            if caption.final or len(self._first) > _MOST_OPEN:
                self._first.pop(
                    next(iter(self._first)) if not caption.final else caption.segment_id
                )
        if not (caption.final and caption.text):
            return
        span = self._tracer.start_span(
            SPAN,
            start_time=caption.start_ms * _NS,
            attributes={
                "parley.room_sid": track.room_sid,
                "parley.track_sid": track.track_sid,
                "parley.segment_id": caption.segment_id,
                "parley.language": track.language,
                "parley.words": len(caption.text.split()),
                "parley.confidence": caption.confidence,
                "parley.speech_ms": caption.end_ms - caption.start_ms,
                "parley.final_after_ms": now_ms - caption.end_ms,
            },
        )
        span.add_event("first caption", timestamp=first_ms * _NS)
        span.add_event("last word ended", timestamp=caption.end_ms * _NS)
        span.end(end_time=max(now_ms, caption.end_ms) * _NS)

    def close(self) -> None:
        """Export what waits; blocks, for seconds if the collector does not answer."""
        self._provider.shutdown()
