"""Live against final: utterances paired by time, words compared."""

from hypothesis import given, strategies as st

from parley.domain.segment import Segment
from parley.transcripts.diff import diff_track, normal_words


def said(version: str, *utterances: tuple[int, int, str]) -> list[Segment]:
    return [
        Segment(id=f"TR_a.{version}.{n}", start_ms=start, end_ms=end, text=text, confidence=1)
        for n, (start, end, text) in enumerate(utterances)
    ]


def test_counterparts_are_paired_and_words_compared() -> None:
    entries, score = diff_track(
        "TR_a",
        "ann",
        said("live", (0, 2_000, "we ship on mondays"), (5_000, 6_000, "yes")),
        said("final", (100, 2_100, "We ship it on Monday."), (5_050, 6_000, "Yes.")),
    )
    first, second = entries
    assert [(c.kind, c.live, c.final) for c in first.changes] == [
        ("equal", "we ship", "we ship"),
        ("delete", "", "it"),
        ("equal", "on", "on"),
        ("substitute", "mondays", "monday"),
    ]
    assert (first.wer, second.wer) == (0.4, 0.0)
    assert (first.live_ids, first.final_ids) == (("TR_a.live.0",), ("TR_a.final.0",))
    assert (score.errors, score.words) == (2, 6)


def test_one_utterance_may_be_several_in_the_other_version() -> None:
    entries, score = diff_track(
        "TR_a",
        "ann",
        said("live", (0, 1_000, "one two"), (1_100, 2_000, "three four")),
        said("final", (0, 2_000, "One two, three four.")),
    )
    [entry] = entries
    assert entry.live_ids == ("TR_a.live.0", "TR_a.live.1")
    assert (entry.wer, score.wer) == (0.0, 0.0)


def test_what_only_one_version_heard_stands_alone() -> None:
    entries, score = diff_track(
        "TR_a",
        "ann",
        said("live", (0, 500, "uh huh")),
        said("final", (9_000, 9_500, "Thank you all.")),
    )
    assert [[c.kind for c in e.changes] for e in entries] == [["insert"], ["delete"]]
    assert [e.wer for e in entries] == [None, 1.0]
    assert (score.errors, score.words) == (5, 3)


def test_words_are_compared_without_case_and_punctuation() -> None:
    assert normal_words("“Don't!” — Zoë said, OK?") == ["don't", "zoë", "said", "ok"]


utterances = st.lists(
    st.tuples(st.integers(0, 5_000), st.integers(1, 3_000), st.sampled_from(["a b", "c", "", "d"])),
    max_size=12,
)


@given(utterances, utterances)
def test_every_segment_is_in_exactly_one_entry(
    live: list[tuple[int, int, str]], final: list[tuple[int, int, str]]
) -> None:
    of_live = said("live", *((start, start + length, text) for start, length, text in live))
    of_final = said("final", *((start, start + length, text) for start, length, text in final))
    entries, score = diff_track("TR_a", "ann", of_live, of_final)
    assert sorted(id_ for e in entries for id_ in e.live_ids) == sorted(s.id for s in of_live)
    assert sorted(id_ for e in entries for id_ in e.final_ids) == sorted(s.id for s in of_final)
    assert score.words == sum(len(normal_words(s.text)) for s in of_final)
