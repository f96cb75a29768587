"""The screenplay: words the live model knows, and everything a meeting has happens in it."""

from collections import Counter

from parley.models import ensure
from parley_cli.demo.schedule import Schedule, schedule
from parley_cli.demo.script import MEETING, Action, Join, Leave, Mute, Say
from parley_cli.demo.wer import normalise

SAYS = [event for event in MEETING.events if isinstance(event, Say)]
MS_A_WORD = 310


def planned() -> Schedule:
    """The meeting at a natural pace, without rendering it."""
    return schedule(MEETING, [len(say.text.split()) * MS_A_WORD for say in SAYS])


def test_every_word_is_in_the_live_models_vocabulary() -> None:
    lines = (ensure("mini-en") / "graph" / "words.txt").read_text().splitlines()
    known = {line.split()[0] for line in lines}
    said = {word for say in SAYS for word in normalise(say.text).split()}
    assert said <= known, said - known


def test_four_people_with_four_voices_speak() -> None:
    assert {say.identity for say in SAYS} == {actor.identity for actor in MEETING.cast}
    assert len({actor.kokoro_voice for actor in MEETING.cast}) == len(MEETING.cast) == 4
    assert len({actor.espeak_voice for actor in MEETING.cast}) == 4


def test_it_takes_about_a_minute() -> None:
    assert 50_000 <= planned().end_ms <= 75_000


def test_two_stretches_have_two_voices_at_once() -> None:
    long = [end - start for start, end in planned().overlaps() if end - start >= 800]
    assert len(long) >= 2


def test_one_joins_late_and_one_leaves_and_returns() -> None:
    presences = planned().presences
    first = {p.identity: p.join_ms for p in reversed(presences)}
    assert max(first.values()) >= 8_000
    returning = [who for who, stays in Counter(p.identity for p in presences).items() if stays == 2]
    assert len(returning) == 1
    away, back = (p for p in presences if p.identity == returning[0])
    assert away.leave_ms + 1_000 <= back.join_ms
    assert any(isinstance(event, Leave) for event in MEETING.events)


def test_one_is_muted_for_a_while_and_silent_then() -> None:
    muted = [(p.identity, span) for p in planned().presences for span in p.mutes]
    assert len(muted) == sum(isinstance(event, Mute) for event in MEETING.events) == 1
    who, (start, end) = muted[0]
    assert end - start >= 3_000
    assert not [
        line
        for line in planned().lines
        if line.identity == who and line.start_ms < end and start < line.end_ms
    ]


def test_everybody_has_time_to_publish_before_they_speak() -> None:
    plan = planned()
    for presence in plan.presences:
        own = [
            line.start_ms
            for line in plan.lines
            if line.identity == presence.identity
            and presence.join_ms <= line.start_ms <= presence.leave_ms
        ]
        assert own, presence
        assert min(own) - presence.join_ms >= 2_000


def test_every_expected_action_is_in_the_words() -> None:
    def asked(action: Action) -> bool:
        return any(
            action.about in normalise(say.text)
            and (action.due or "").lower() in normalise(say.text)
            and (say.identity == action.identity or action.identity in normalise(say.text))
            for say in SAYS
        )

    assert len(MEETING.actions) >= 4
    assert all(asked(action) for action in MEETING.actions)
    assert sum(isinstance(event, Join) for event in MEETING.events) == 5
