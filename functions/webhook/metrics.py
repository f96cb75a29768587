"""Counters of the webhook function."""

from prometheus_client import Counter, Histogram

from parley.telemetry.lambda_run import count

KNOWN_EVENTS = frozenset(
    {
        "room_started",
        "room_finished",
        "participant_joined",
        "participant_left",
        "participant_connection_aborted",
        "track_published",
        "track_unpublished",
        "egress_started",
        "egress_updated",
        "egress_ended",
    }
)

WEBHOOKS = Counter(
    "parley_webhook_events",
    "LiveKit webhooks by event and by what became of them.",
    ["event", "outcome"],
)
WEBHOOK_SECONDS = Histogram(
    "parley_webhook_seconds",
    "Seconds until a LiveKit webhook was answered.",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5),
)


def count_webhook(event: str, outcome: str) -> None:
    """Count an event; the label of an unknown kind is `other`, so that labels stay few."""
    WEBHOOKS.labels(event if event in KNOWN_EVENTS else "other", outcome).inc()
    count(f"Webhooks{outcome.title()}")
