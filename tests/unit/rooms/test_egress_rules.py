"""What news of an egress mean, in whatever state they find its track."""

from typing import Any

import pytest

from parley.domain.room import Room, RoomOptions
from parley.domain.track import EgressState, Recording, Track, TrackEgress, TrackStatus
from parley.livekit_api import EgressPhase, LiveEgress
from parley.rooms.egress_rules import (
    LATE_MS,
    EgressStep,
    Whose,
    fallback_note,
    on_news,
    whose_recording,
)

STARTED = 100_000
ROOM = Room(id="RM_a", name="a", registered_ms=1, options=RoomOptions(record="egress"))


def track(state: EgressState | None, egress_id: str | None = "EG_a", **changes: Any) -> Track:
    known = TrackEgress(state=state, requested_ms=1, id=egress_id) if state else None
    return Track(
        id="TR_a", room_sid="RM_a", identity="ann", published_ms=STARTED, egress=known, **changes
    )


def news(phase: EgressPhase, egress_id: str = "EG_a", **changes: Any) -> LiveEgress:
    good: dict[str, Any] = {
        "active": phase is EgressPhase.RUNNING,
        "started_ms": STARTED + 1_500,
        "ended_ms": STARTED + 9_000,
        "reason": "aborted: no disk",
    }
    return LiveEgress(
        id=egress_id, room_sid="RM_a", track_sid="TR_a", phase=phase, **(good | changes)
    )


RUNNING, COMPLETE, FAILED = EgressPhase.RUNNING, EgressPhase.COMPLETE, EgressPhase.FAILED


@pytest.mark.parametrize("phase", EgressPhase)
@pytest.mark.parametrize(
    ("state", "egress_id", "expected"),
    [
        (None, None, ("ignore", "ignore", "ignore")),
        (EgressState.STARTING, None, ("note", "deliver", "fall-back")),
        (EgressState.STARTING, "EG_a", ("note", "deliver", "fall-back")),
        (EgressState.ACTIVE, "EG_a", ("note", "deliver", "fall-back")),
        (EgressState.ACTIVE, "EG_other", ("stop", "ignore", "ignore")),
        (EgressState.DELIVERED, "EG_a", ("stop", "deliver", "deliver")),
        (EgressState.DELIVERED, "EG_other", ("stop", "ignore", "ignore")),
        (EgressState.FAILED, "EG_a", ("stop", "ignore", "ignore")),
        (EgressState.FAILED, None, ("stop", "ignore", "ignore")),
    ],
)
def test_what_is_to_be_done(
    state: EgressState | None, egress_id: str | None, expected: tuple[str, ...], phase: EgressPhase
) -> None:
    step, reason = on_news(track(state, egress_id), ROOM, news(phase))
    assert step == expected[[RUNNING, COMPLETE, FAILED].index(phase)]
    assert bool(reason) == (step is EgressStep.FALL_BACK)


def test_a_room_that_its_agent_records_knows_of_no_egress() -> None:
    room = ROOM.model_copy(update={"options": RoomOptions()})
    for phase in EgressPhase:
        step, _ = on_news(track(EgressState.ACTIVE), room, news(phase))
        assert step is EgressStep.IGNORE


@pytest.mark.parametrize(
    ("registered_ms", "started_ms", "why"),
    [
        (1, STARTED + LATE_MS, ""),
        (1, STARTED + LATE_MS + 1, "it began 10.0 s late"),
        # Published long before its room was registered: nobody could have begun sooner.
        (STARTED + 60_000, STARTED + 61_000, ""),
    ],
)
def test_one_that_began_late_gives_way_to_the_agent(
    registered_ms: int, started_ms: int, why: str
) -> None:
    room = ROOM.model_copy(update={"registered_ms": registered_ms})
    late = news(COMPLETE, started_ms=started_ms, ended_ms=started_ms + 1)
    step, reason = on_news(track(EgressState.ACTIVE), room, late)
    assert reason == why
    assert step is (EgressStep.FALL_BACK if why else EgressStep.DELIVER)


def test_one_without_a_file_gives_way_to_the_agent() -> None:
    empty = news(COMPLETE, started_ms=0, ended_ms=0)
    assert on_news(track(EgressState.ACTIVE), ROOM, empty)[0] is EgressStep.FALL_BACK


def recorded_by(method: Any) -> Recording:
    return Recording(method=method, key="k", started_ms=1, ended_ms=2)


@pytest.mark.parametrize(
    ("record", "found", "whose"),
    [
        ("none", track(EgressState.DELIVERED), Whose.NOBODY),
        ("agent", track(None), Whose.AGENT),
        ("egress", track(None), Whose.OPEN),
        ("egress", track(None, kind="assistant"), Whose.AGENT),
        ("egress", track(EgressState.STARTING), Whose.OPEN),
        ("egress", track(EgressState.ACTIVE), Whose.OPEN),
        ("egress", track(EgressState.DELIVERED), Whose.EGRESS),
        ("egress", track(EgressState.FAILED), Whose.AGENT),
        ("egress", track(EgressState.FAILED, recording=recorded_by("egress")), Whose.EGRESS),
        ("egress", track(EgressState.ACTIVE, recording=recorded_by("agent")), Whose.AGENT),
        ("egress", track(EgressState.ACTIVE, status=TrackStatus.FAILED), Whose.AGENT),
    ],
)
def test_whose_recording_counts(record: Any, found: Track, whose: Whose) -> None:
    room = ROOM.model_copy(update={"options": RoomOptions(record=record)})
    assert whose_recording(found, room) is whose


def test_a_fallback_is_said_and_nothing_else_is() -> None:
    assert fallback_note(track(None)) is None
    assert fallback_note(track(EgressState.ACTIVE)) is None
    failed = TrackEgress(state=EgressState.FAILED, requested_ms=1, error="no worker")
    said = fallback_note(track(None).model_copy(update={"egress": failed}))
    assert said == "recorded by the agent, since egress did not: no worker"
