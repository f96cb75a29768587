"""Laying a screenplay out: gaps, overlaps, stays and mutes, and what can't be played."""

import pytest

from parley_cli.demo.schedule import Presence, schedule
from parley_cli.demo.script import Actor, Event, Join, Leave, Mute, Say, Script, Unmute

ANN, BEN = Actor("ann", "Ann", "af_x", "en"), Actor("ben", "Ben", "am_x", "en")


def script(*events: Event) -> Script:
    return Script((ANN, BEN), events, ())


def test_gaps_count_from_the_end_of_all_lines_before() -> None:
    plan = schedule(
        script(
            Join("ann"), Join("ben"), Say("ann", "a", 500), Say("ben", "b", -300), Say("ann", "c")
        ),
        [1_000, 2_000, 500],
    )
    assert [(line.start_ms, line.end_ms) for line in plan.lines] == [
        (500, 1_500),
        (1_200, 3_200),
        (3_600, 4_100),
    ]
    assert plan.overlaps() == [(1_200, 1_500)]
    assert plan.end_ms == 4_100 + 1_500


def test_a_short_line_inside_a_long_one_does_not_shorten_it() -> None:
    plan = schedule(
        script(
            Join("ann"), Join("ben"), Say("ann", "a"), Say("ben", "b", -2_000), Say("ben", "c", 0)
        ),
        [3_000, 500, 100],
    )
    assert plan.lines[2].start_ms == plan.lines[0].end_ms


def test_stays_and_mutes_have_their_times() -> None:
    plan = schedule(
        script(
            Join("ann"),
            Join("ben", 100),
            Say("ann", "a", 1_000),
            Leave("ann", 200),
            Mute("ben"),
            Unmute("ben", 400),
            Join("ann", 800),
            Say("ben", "b", 1_000),
        ),
        [1_000, 1_000],
    )
    assert plan.presences == (
        Presence("ann", 0, 2_200),
        Presence("ben", 100, 5_500, [(2_000, 2_400)]),
        Presence("ann", 2_800, 5_500),
    )


@pytest.mark.parametrize(
    "events",
    [
        (Say("ann", "a"),),
        (Join("ann"), Say("ann", "a"), Leave("ann"), Say("ann", "b")),
        (Join("ann"), Mute("ann"), Say("ann", "a")),
        (Join("ann"), Say("ann", "a"), Say("ann", "b", -500)),
    ],
    ids=["not there", "gone", "muted", "still speaking"],
)
def test_an_impossible_line_is_refused(events: tuple[Event, ...]) -> None:
    with pytest.raises(ValueError, match="can't say"):
        schedule(script(*events), [1_000, 1_000])
