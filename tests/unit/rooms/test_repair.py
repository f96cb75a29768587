"""The reconciler's rules: what each state needs, and when."""

from typing import Any

import pytest

from parley.domain.room import Room, RoomOptions, RoomStatus, SummaryState
from parley.domain.track import Lease, Recording, Track, TrackStatus
from parley.rooms.repair import (
    Limits,
    RoomRepair,
    TrackRepair,
    active_room,
    needs_summary,
    pending_track,
)

LIMITS = Limits(
    grace_ms=2_000, empty_ms=300_000, recording_wait_ms=600_000, requeue_after_ms=300_000
)
NOW = 10_000_000


def room(**fields: Any) -> Room:
    return Room(id="RM_a", name="a", registered_ms=1, **fields)


def track(status: TrackStatus, **fields: Any) -> Track:
    return Track(id="TR_a", room_sid="RM_a", identity="ann", status=status, **fields)


@pytest.mark.parametrize(
    ("state", "people", "expected"),
    [
        ({}, 2, RoomRepair.NOTHING),
        ({"empty_since_ms": NOW - 900_000}, 1, RoomRepair.NOTE_PEOPLE),
        ({}, 0, RoomRepair.NOTE_EMPTY),
        ({"empty_since_ms": NOW - 299_999}, 0, RoomRepair.NOTHING),
        ({"empty_since_ms": NOW - 300_000}, 0, RoomRepair.FINALIZE),
        ({}, None, RoomRepair.NOTE_ENDED),
        ({"ended_ms": NOW - 1_999}, None, RoomRepair.NOTHING),
        ({"ended_ms": NOW - 2_000}, None, RoomRepair.FINALIZE),
    ],
)
def test_an_active_room(state: dict[str, int], people: int | None, expected: RoomRepair) -> None:
    assert active_room(room(**state), people, NOW, LIMITS) is expected


@pytest.mark.parametrize("status", [s for s in TrackStatus if s.final])
def test_a_final_track_that_is_still_awaited_is_settled(status: TrackStatus) -> None:
    assert pending_track(track(status), room(), NOW, LIMITS) is TrackRepair.SETTLE


@pytest.mark.parametrize(
    ("in_track", "in_room", "expected"),
    [
        ({}, {}, TrackRepair.NOTHING),
        ({"unpublished_ms": NOW - 59_999}, {}, TrackRepair.NOTHING),
        ({"unpublished_ms": NOW - 60_000}, {}, TrackRepair.LOOK_FOR_RECORDING),
        ({"unpublished_ms": NOW - 600_000}, {}, TrackRepair.GIVE_UP),
        ({}, {"finalized_ms": NOW - 60_000}, TrackRepair.LOOK_FOR_RECORDING),
        ({}, {"ended_ms": NOW - 600_000, "finalized_ms": NOW}, TrackRepair.GIVE_UP),
        (
            {"unpublished_ms": NOW},
            {"options": RoomOptions(record="none")},
            TrackRepair.FINISH_UNRECORDED,
        ),
        ({}, {"options": RoomOptions(record="none")}, TrackRepair.NOTHING),
    ],
)
def test_a_track_without_a_recording(
    in_track: dict[str, Any], in_room: dict[str, Any], expected: TrackRepair
) -> None:
    live = track(TrackStatus.LIVE, **in_track)
    assert pending_track(live, room(**in_room), NOW, LIMITS) is expected


def recorded(ended_ms: int) -> Recording:
    return Recording(method="agent", key="k", started_ms=1, ended_ms=ended_ms)


@pytest.mark.parametrize(
    ("status", "fields", "expected"),
    [
        (TrackStatus.RECORDED, {"recording": recorded(NOW - 299_999)}, TrackRepair.NOTHING),
        (TrackStatus.RECORDED, {"recording": recorded(NOW - 300_000)}, TrackRepair.REQUEUE),
        (
            TrackStatus.RECORDED,
            {"recording": recorded(5), "requeued_ms": NOW - 299_999},
            TrackRepair.NOTHING,
        ),
        (
            TrackStatus.TRANSCRIBING,
            {"recording": recorded(5), "lease": Lease(owner="w", until_ms=NOW)},
            TrackRepair.NOTHING,
        ),
        (
            TrackStatus.TRANSCRIBING,
            {"recording": recorded(5), "lease": Lease(owner="w", until_ms=NOW - 1)},
            TrackRepair.REQUEUE,
        ),
        (
            TrackStatus.TRANSCRIBING,
            {"lease": Lease(owner="w", until_ms=NOW - 1), "requeued_ms": NOW - 100},
            TrackRepair.NOTHING,
        ),
    ],
)
def test_a_recording_without_a_transcript(
    status: TrackStatus, fields: dict[str, Any], expected: TrackRepair
) -> None:
    assert pending_track(track(status, **fields), room(), NOW, LIMITS) is expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"summary": SummaryState(status="requested", requested_ms=NOW - 300_000)}, True),
        ({"summary": SummaryState(status="requested", requested_ms=NOW - 299_999)}, False),
        ({"summary": SummaryState(status="none")}, True),
        ({"summary": SummaryState(status="done")}, False),
        ({"summary": SummaryState(status="failed")}, False),
        ({"options": RoomOptions(summarize=False)}, False),
        ({"status": RoomStatus.FINAL_ROOM}, False),
    ],
)
def test_a_completed_room_without_a_summary(fields: dict[str, Any], expected: bool) -> None:
    done = {"status": RoomStatus.COMPLETED, "completed_ms": 5} | fields
    assert needs_summary(room(**done), NOW, LIMITS) is expected
