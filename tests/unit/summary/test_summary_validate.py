"""Citations that do not hold are repaired once, else dropped and counted."""

from parley.domain.summary import (
    ParticipantAction,
    ParticipantActions,
    Statement,
    SummaryContent,
    Topic,
)
from parley.summary.validate import Checked, checked
from tests.unit.summary.test_summary_extractive import meeting

TIMELINE = meeting(("anna", "I will send the report."), ("ben", "We agreed on the blue logo."))
FIRST, SECOND = "TR_anna.final.0", "TR_ben.final.1"


def with_actions(identity: str, *items: ParticipantAction) -> Checked:
    one = ParticipantActions(participant_identity=identity, participant_actions=items)
    return checked(SummaryContent(summary="s", action_items=(one,)), TIMELINE)


def item(text: str, *ids: str) -> ParticipantAction:
    return ParticipantAction(text=text, segment_ids=ids)


def test_right_citations_stay() -> None:
    result = with_actions("anna", item("Send the report", FIRST))
    assert result.dropped == 0
    assert result.content.action_items[0].participant_actions == (item("Send the report", FIRST),)


def test_an_id_in_brackets_is_repaired() -> None:
    result = with_actions("anna", item("Send it", f"[{FIRST}]", FIRST))
    assert result.content.action_items[0].participant_actions[0].segment_ids == (FIRST,)
    assert result.dropped == 0


def test_an_unknown_id_is_dropped_and_counted() -> None:
    result = with_actions("anna", item("Send it", FIRST, "TR_x.final.9"))
    assert result.content.action_items[0].participant_actions[0].segment_ids == (FIRST,)
    assert result.dropped == 1


def test_an_item_without_a_right_id_is_found_by_its_words_or_dropped() -> None:
    result = with_actions("anna", item("Send the report", "s99"), item("Buy a horse", "s99"))
    (kept,) = result.content.action_items[0].participant_actions
    assert kept.segment_ids == (FIRST,)
    assert result.dropped == 3  # two ids and an item


def test_names_become_identities_and_strangers_are_dropped() -> None:
    assert (
        with_actions("Anna Berg", item("a b", FIRST)).content.action_items[0].participant_identity
        == "anna"
    )
    stranger = with_actions("Zorro", item("a b", FIRST), item("c d", SECOND))
    assert stranger.content.action_items == ()
    assert stranger.dropped == 2


def test_two_lists_of_one_person_become_one() -> None:
    content = SummaryContent(
        summary="s",
        action_items=(
            ParticipantActions(
                participant_identity="anna", participant_actions=(item("a b", FIRST),)
            ),
            ParticipantActions(
                participant_identity="Anna", participant_actions=(item("c d", FIRST),)
            ),
        ),
    )
    (one,) = checked(content, TIMELINE).content.action_items
    assert [a.text for a in one.participant_actions] == ["a b", "c d"]


def test_segments_of_somebody_who_was_not_there_cannot_be_cited() -> None:
    without_ben = TIMELINE.model_copy(update={"participants": TIMELINE.participants[:1]})
    content = SummaryContent(
        summary="s", decisions=(Statement(text="Blue logo", segment_ids=(SECOND,)),)
    )
    result = checked(content, without_ben)
    assert result.content.decisions == ()
    assert result.dropped == 2


def test_topics_lie_within_the_meeting() -> None:
    topics = (
        Topic(title="Turned", start_ms=8_000, end_ms=2_000),
        Topic(title="Too long", start_ms=-5, end_ms=10**9, segment_ids=(FIRST,)),
        Topic(title="Elsewhere", start_ms=10**9, end_ms=10**9 + 5),
        Topic(title="Zero", start_ms=0, end_ms=0, segment_ids=(SECOND,)),
    )
    result = checked(SummaryContent(summary="s", topics=topics), TIMELINE)
    assert [(t.title, t.start_ms, t.end_ms) for t in result.content.topics] == [
        ("Turned", 2_000, 8_000),
        ("Too long", 0, 10_000),
        ("Zero", 5_000, 9_000),
    ]
    assert result.dropped == 1
