"""What the fleet shows to Prometheus; no transcript text in it.

Figures of a pipeline are read from it when Prometheus asks, so that a speaker who left leaves no
series behind.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from agent_fleet.dispatcher import Caption
from agent_fleet.manager import PipelineManager
from agent_fleet.speaker import PipelineState, Speaker
from parley.clock import Clock, wall_clock_ms

_SECONDS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 1.2, 2.0, 5.0)
_LAG_SECONDS = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
_LOOP_PROBE_S = 0.5
_BREAKER = {"closed": 0, "half-opened": 1, "opened": 2}


class FleetMetrics:
    """The process's metrics in a registry of their own."""

    def __init__(
        self,
        manager: PipelineManager,
        models: Callable[[], Mapping[str, int]] = dict,
        backlog: Callable[[], int] = int,
        clock: Clock = wall_clock_ms,
    ) -> None:
        """Show the pipelines of this manager.

        Args:
            manager: knows the pipelines.
            models: bytes of memory by language of the loaded models.
            backlog: how much waits to be recorded.
            clock: the time in ms since the epoch.
        """
        self.registry = CollectorRegistry()
        self._clock = clock
        self._captions = Histogram(
            "parley_caption_latency_seconds",
            "From the audio's end to the caption being sent.",
            ["kind"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._loop_lag = Histogram(
            "parley_loop_lag_seconds",
            "How late an event loop woke up: the main one, or those of rooms.",
            ["loop"],
            buckets=_LAG_SECONDS,
            registry=self.registry,
        )
        self.registry.register(_Pipelines(manager, models, backlog))
        ProcessCollector(registry=self.registry)

    def caption_sent(self, caption: Caption) -> None:
        """A caption went out; from any thread."""
        kind = "final" if caption.final else "partial"
        self._captions.labels(kind).observe(max(0, self._clock() - caption.end_ms) / 1000)

    async def watch_loop(self, loop: str = "main") -> None:
        """Measure the running loop's lag until cancelled.

        Args:
            loop: `main`, or `room` for the loop of any room.
        """
        lag = self._loop_lag.labels(loop)
        while True:
            asked = time.monotonic()
            await asyncio.sleep(_LOOP_PROBE_S)
            lag.observe(max(0.0, time.monotonic() - asked - _LOOP_PROBE_S))


class _Pipelines(Collector):
    """Reads every pipeline anew for each scrape."""

    def __init__(
        self,
        manager: PipelineManager,
        models: Callable[[], Mapping[str, int]],
        backlog: Callable[[], int],
    ) -> None:
        self._manager = manager
        self._models = models
        self._backlog = backlog

    def collect(self) -> Iterator[Metric]:
        speakers = self._manager.speakers
        live = [s for s in speakers if s.state is PipelineState.LIVE]
        yield _gauge("parley_pipelines", "Speakers' pipelines that listen.", len(live))
        yield _gauge("parley_talkers", "Speakers in an utterance.", sum(s.talking for s in live))
        yield _gauge("parley_load", "0..1, as LiveKit is told.", self._manager.load())
        yield _gauge(
            "parley_recorder_backlog",
            "Pieces of recordings, half a second each, that wait to be written.",
            self._backlog(),
        )
        refused = CounterMetricFamily("parley_refused", "Speakers that had to wait.")
        refused.add_metric([], self._manager.refused)
        yield refused
        memory = GaugeMetricFamily(
            "parley_model_memory_bytes",
            "By how much the process grew when it loaded a live model.",
            labels=["language"],
        )
        for language, size in self._models().items():
            memory.add_metric([language], size)
        yield memory
        yield from _of_each(speakers)


def _of_each(speakers: Iterable[Speaker]) -> Iterator[Metric]:
    labels = ["room", "track"]
    queue = GaugeMetricFamily("parley_queue_frames", "Frames that wait.", labels=labels)
    lag = GaugeMetricFamily("parley_recogniser_lag_seconds", "Behind the audio.", labels=labels)
    ratio = GaugeMetricFamily(
        "parley_audio_received_ratio", "Audio received of what should be by now.", labels=labels
    )
    speech = GaugeMetricFamily(
        "parley_speech_ratio", "Audio that passed the gate, of all.", labels=labels
    )
    breaker = GaugeMetricFamily(
        "parley_breaker_state", "0 closed, 1 half-open, 2 open.", labels=labels
    )
    dropped = CounterMetricFamily("parley_frames_dropped", "Frames dropped.", labels=labels)
    failures = CounterMetricFamily("parley_recogniser_failures", "Failed calls.", labels=labels)
    segments = CounterMetricFamily("parley_segments", "Finished utterances.", labels=labels)
    unsent = CounterMetricFamily("parley_captions_failed", "Captions not sent.", labels=labels)
    for speaker in speakers:
        of = [speaker.track.room_sid, speaker.track.track_sid]
        expected = speaker.input.expected()
        queue.add_metric(of, speaker.queued)
        lag.add_metric(of, speaker.lag_ms / 1000)
        ratio.add_metric(of, speaker.input.received / expected if expected else 1.0)
        speech.add_metric(of, speaker.speech_ratio)
        breaker.add_metric(of, _BREAKER[speaker.breaker.state])
        dropped.add_metric(of, speaker.dropped)
        failures.add_metric(of, speaker.failures)
        segments.add_metric(of, speaker.dispatcher.segments)
        unsent.add_metric(of, speaker.dispatcher.captions_failed)
    yield from (queue, lag, ratio, speech, breaker, dropped, failures, segments, unsent)


def _gauge(name: str, what: str, value: float) -> Metric:
    gauge = GaugeMetricFamily(name, what)
    gauge.add_metric([], value)
    return gauge
