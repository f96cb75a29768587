"""The engine without a model: who is to do what, and where it was said."""

import time

import pytest

from bench.summary import MEETINGS, load_meeting, run
from parley.domain.segment import Version
from parley.domain.summary import SummaryContent
from parley.domain.timeline import Timeline, TimelineParticipant, TimelineSegment
from parley.summary.extractive.deadlines import deadline_in
from parley.summary.extractive.engine import summarize
from parley.summary.validate import checked

PEOPLE = {"anna": "Anna Berg", "ben": "Ben", "cleo": "Cleo"}


def meeting(*lines: tuple[str, str], people: dict[str, str] | None = None) -> Timeline:
    """A timeline of (identity, text) lines, five seconds each."""
    return Timeline(
        room_sid="RM_1",
        room_name="test",
        started_ms=0,
        ended_ms=5_000 * len(lines),
        participants=tuple(
            TimelineParticipant(identity=i, name=n) for i, n in (people or PEOPLE).items()
        ),
        segments=tuple(
            TimelineSegment(
                id=f"TR_{by}.final.{n}",
                track_sid=f"TR_{by}",
                identity=by,
                version=Version.FINAL,
                start_ms=5_000 * n,
                end_ms=5_000 * n + 4_000,
                text=text,
                confidence=0.9,
            )
            for n, (by, text) in enumerate(lines)
        ),
    )


def actions(content: SummaryContent) -> list[tuple[str, str, str | None]]:
    return [
        (a.participant_identity, i.text, i.due)
        for a in content.action_items
        for i in a.participant_actions
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("I will send the report by Friday.", ("anna", "Send the report by Friday", "by Friday")),
        ("I'll call the bank tomorrow.", ("anna", "Call the bank tomorrow", "tomorrow")),
        ("I need to order new chairs.", ("anna", "Order new chairs", None)),
        ("Ben, can you check the logs?", ("ben", "Check the logs", None)),
        ("Can you check the logs, Ben?", ("ben", "Check the logs", None)),
        ("Cleo, please book a room.", ("cleo", "Book a room", None)),
        ("Ben should update the wiki.", ("ben", "Update the wiki", None)),
        ("Cleo needs to sign the form today.", ("cleo", "Sign the form today", "today")),
        ("I want Ben to write the tests.", ("ben", "Write the tests", None)),
        ("ben can you check the logs next week", ("ben", "Check the logs next week", "next week")),
    ],
)
def test_promises_and_requests(text: str, expected: tuple[str, str, str | None]) -> None:
    content = summarize(meeting(("anna", text)))
    assert actions(content) == [expected]
    assert content.action_items[0].participant_actions[0].segment_ids == ("TR_anna.final.0",)


@pytest.mark.parametrize(
    "text",
    [
        "I will never forget that day.",
        "I think I will see you there.",
        "If I find time I will clean the desk.",
        "Can you hear me, Ben?",
        "Will I send the report?",
        "Ben, how are you today?",
        "I would like some coffee.",
    ],
)
def test_what_is_no_action(text: str) -> None:
    assert actions(summarize(meeting(("anna", text)))) == []


def test_an_answer_is_cited_and_brings_the_deadline() -> None:
    content = summarize(
        meeting(("anna", "Ben, can you fix the login?"), ("ben", "Sure, I can do that by Monday."))
    )
    assert actions(content) == [("ben", "Fix the login", "by Monday")]
    (item,) = content.action_items[0].participant_actions
    assert item.segment_ids == ("TR_anna.final.0", "TR_ben.final.1")


def test_a_declined_request_is_none_unless_somebody_else_takes_it() -> None:
    asked = ("anna", "Ben, can you take over the shift?")
    declined = ("ben", "Sorry, I can't, I am on vacation.")
    assert actions(summarize(meeting(asked, declined))) == []
    taken = summarize(meeting(asked, declined, ("cleo", "I can take it.")))
    assert actions(taken) == [("cleo", "Take over the shift", None)]


def test_a_name_that_two_share_means_nobody() -> None:
    people = {"a1": "Anna Schmidt", "a2": "Anna Weber", "zoe": "Zoe"}
    alone = summarize(meeting(("zoe", "Anna should book the room."), people=people))
    assert actions(alone) == []
    whole = summarize(meeting(("zoe", "Anna Weber should book the room."), people=people))
    assert actions(whole) == [("a2", "Book the room", None)]


def test_decisions_and_open_questions() -> None:
    content = summarize(
        meeting(
            ("anna", "We agreed to release on Monday."),
            ("ben", "We have not decided about the price."),
            ("cleo", "Who pays for the new servers?"),
            ("anna", "Good question, I don't know."),
            ("ben", "What colour is the logo now?"),
            ("cleo", "It is blue."),
        )
    )
    assert [d.text for d in content.decisions] == ["We agreed to release on Monday."]
    assert [q.text for q in content.open_questions] == ["Who pays for the new servers?"]
    assert content.open_questions[0].segment_ids == ("TR_cleo.final.2", "TR_anna.final.3")


@pytest.mark.parametrize(
    ("text", "due"),
    [
        ("send it by the end of the week", "by the end of the week"),
        ("send it before the next meeting", "before the next meeting"),
        ("send it in two weeks", "in two weeks"),
        ("send it on tuesday morning", "on tuesday morning"),
        ("send it by the 15th of december", "by the 15th of december"),
        ("send it as soon as possible", "as soon as possible"),
        ("send it to the people on the list", None),
    ],
)
def test_deadlines(text: str, due: str | None) -> None:
    assert deadline_in(text) == due


def test_nothing_said_is_said() -> None:
    content = summarize(meeting())
    assert content.summary == "Nobody said anything that was understood."
    assert actions(content) == []


def test_the_same_input_gives_the_same_and_keeps_all_rules() -> None:
    for path in sorted(MEETINGS.glob("*.json")):
        timeline, _ = load_meeting(path)
        content = summarize(timeline)
        assert content == summarize(timeline)
        result = checked(content, timeline)
        assert result.dropped == 0
        assert result.content == content


def test_spoken_instructions_change_nothing() -> None:
    timeline, _ = load_meeting(MEETINGS / "12_injection.json")
    content = summarize(timeline)
    assert {(who, due) for who, _, due in actions(content)} == {
        ("eva", "today"),
        ("dan", "by Friday"),
    }


async def test_the_labelled_meetings_stay_as_good_as_they_are() -> None:
    scores = await run("extractive")
    found, extra, missed = (
        sum(getattr(s, n) for s in scores) for n in ("found", "extra", "missed")
    )
    assert len(scores) == 12
    assert found / (found + extra) >= 0.9
    assert found / (found + missed) >= 0.9


def four_hours() -> Timeline:
    """Twelve speakers, 2,880 utterances in four hours, one promise each in every hour."""
    people = {f"p{n}": f"Person{chr(65 + n)}" for n in range(12)}
    subjects = ["budget", "server", "contract", "website", "training", "report", "office"]
    lines = []
    for n in range(2_880):
        by = f"p{n % 12}"
        if n % 720 < 12:
            lines.append((by, f"I will review folder {n // 720} of shelf {n % 12} by Friday."))
        else:
            lines.append((by, f"The {subjects[n % 7]} of month {n % 11} has number {n}."))
    return meeting(*lines, people=people)


def test_four_hours_of_twelve_people() -> None:
    timeline = four_hours()
    assert timeline.ended_ms == 4 * 3_600_000
    began = time.monotonic()
    content = summarize(timeline)
    assert time.monotonic() - began < 60
    assert len({a.participant_identity for a in content.action_items}) == 12
    assert checked(content, timeline).dropped == 0
