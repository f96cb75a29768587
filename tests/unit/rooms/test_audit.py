"""The completeness audit: every verdict, from the numbers that lead to it."""

from typing import Any

import pytest

from parley.domain.room import Room, RoomOptions
from parley.domain.segment import Segment
from parley.domain.track import Gap, Recording, Track, TrackStatus
from parley.rooms.audit import COMPLETE, SILENT, audit_track

MINUTE = 60_000


def recording(**changes: Any) -> Recording:
    good: dict[str, Any] = {
        "method": "agent",
        "key": "k",
        "started_ms": 1_000,
        "ended_ms": 1_000 + MINUTE,
        "samples": 60 * 48_000,
    }
    return Recording(**(good | changes))


def track(**changes: Any) -> Track:
    good: dict[str, Any] = {
        "id": "TR_a",
        "room_sid": "RM_a",
        "identity": "ann",
        "status": TrackStatus.TRANSCRIBED,
        "published_ms": 500,
        "unpublished_ms": 1_500 + MINUTE,
        "recording": recording(),
    }
    return Track(**(good | changes))


WORDS = [Segment(id="TR_a.final.0", start_ms=1, end_ms=2, text="one two three", confidence=1)]


@pytest.mark.parametrize(
    ("changes", "options", "said", "verdict"),
    [
        ({}, {}, WORDS, COMPLETE),
        ({"status": TrackStatus.EMPTY}, {}, [], SILENT),
        (
            {"status": TrackStatus.FAILED, "error": "not Ogg"},
            {},
            [],
            "no final transcript: not Ogg",
        ),
        ({"status": TrackStatus.LIVE, "recording": None}, {}, WORDS, "not recorded yet"),
        ({"status": TrackStatus.RECORDED}, {}, WORDS, "recorded, not transcribed yet"),
        (
            {"recording": recording(ended_ms=1_000 + 40_000, samples=40 * 48_000)},
            {},
            WORDS,
            "21.0 s of 61.0 s were not recorded",
        ),
        (
            {"recording": recording(gaps=(Gap(start_ms=5_000, end_ms=6_500),))},
            {},
            WORDS,
            "1.5 s of its audio did not arrive",
        ),
        (
            {"recording": recording(samples=59 * 48_000)},
            {},
            WORDS,
            "its clock differs from the room's by 1.7 %",
        ),
        (
            {"status": TrackStatus.EMPTY, "recording": None},
            {"record": "none"},
            WORDS,
            "not recorded: the room keeps the live transcript only",
        ),
    ],
)
def test_a_verdict(
    changes: dict[str, Any], options: dict[str, Any], said: list[Segment], verdict: str
) -> None:
    room = Room(id="RM_a", name="a", registered_ms=1, options=RoomOptions(**options))
    found = audit_track(track(**changes), room, [], said, now_ms=10 * MINUTE)
    assert found.verdict == verdict
    assert found.complete == verdict.startswith("complete")


def test_the_numbers() -> None:
    room = Room(id="RM_a", name="a", registered_ms=1)
    found = audit_track(track(), room, WORDS[:0], WORDS, now_ms=10 * MINUTE)
    assert (found.published_s, found.recorded_s, found.gap_s) == (61.0, 60.0, 0.0)
    assert (found.drift_ppm, found.words_per_minute) == (0.0, 3.0)
    assert (found.live_segments, found.final_segments) == (0, 1)
