"""What Prometheus sees of the subscriber."""

from collections.abc import Iterator

from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from agent_fleet.frames import SAMPLE_RATE
from agent_fleet.subscriber.source import Subscriber


class SubscriberMetrics(Collector):
    """Reads the subscriber anew for each scrape."""

    def __init__(self, subscriber: Subscriber) -> None:
        """Read this one."""
        self._subscriber = subscriber

    def collect(self) -> Iterator[Metric]:
        """Its counters."""
        concealed, left_out = self._subscriber.made_up()
        for name, what, value in (
            (
                "parley_subscriber_starts",
                "Starts of the subscriber's process.",
                self._subscriber.starts,
            ),
            (
                "parley_audio_concealed_seconds",
                "Audio that was lost on the way and bridged.",
                concealed / SAMPLE_RATE,
            ),
            (
                "parley_audio_left_out_seconds",
                "Silence left out to catch up with audio that came late.",
                left_out / SAMPLE_RATE,
            ),
        ):
            counter = CounterMetricFamily(name, what)
            counter.add_metric([], value)
            yield counter
