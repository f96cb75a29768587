"""How caption latencies are measured: aligned in order, earliest caption that holds the word."""

from parley_cli.demo.latency import caption_latencies, percentile
from parley_cli.demo.listener import Caption
from parley_cli.demo.participant import SpokenLine, SpokenWord


def line(text: str, start_ms: int, track: str = "TR_a", word_ms: int = 200) -> SpokenLine:
    """A line whose words follow each other without pauses."""
    words = tuple(
        SpokenWord(word, start_ms + n * word_ms, start_ms + (n + 1) * word_ms)
        for n, word in enumerate(text.split())
    )
    return SpokenLine("anna", track, text, start_ms, words[-1].end_ms, words)


def caption(
    segment: str, text: str, at_ms: int, final: bool = False, track: str = "TR_a"
) -> Caption:
    """A caption update of a segment."""
    return Caption("anna", track, segment, text, final, 0, at_ms)


def test_a_word_counts_from_its_end_to_the_first_caption_that_holds_it() -> None:
    found = caption_latencies(
        [line("good morning everyone", 1000)],
        [
            caption("s", "good", 1350),
            caption("s", "good morning", 1600),
            caption("s", "good morning everyone", 1900),
            caption("s", "good morning everyone", 2400, final=True),
        ],
    )
    assert found.partial_ms == [150, 200, 300]
    assert found.final_ms == [800]
    assert found.words == 3


def test_a_repeated_word_counts_only_where_it_was_said() -> None:
    found = caption_latencies(
        [line("the plan and the end", 0)],
        [
            caption("s", "the plan", 500),
            caption("s", "the plan and the end", 1200, final=True),
        ],
    )
    assert found.partial_ms == [300, 100, 600, 400, 200]


def test_a_word_only_in_the_final_caption_counts_to_that_one() -> None:
    found = caption_latencies([line("yes", 0)], [caption("s", "yes", 1000, final=True)])
    assert found.partial_ms == [800]
    assert found.final_ms == [800]


def test_a_word_that_was_never_recognised_has_no_latency() -> None:
    found = caption_latencies(
        [line("review the contract", 0)],
        [caption("s", "review the [unk]", 700, final=True)],
    )
    assert found.partial_ms == [500, 300]
    assert found.final_ms == [300]
    assert found.words == 3


def test_utterances_of_one_track_are_measured_apart() -> None:
    found = caption_latencies(
        [line("i will send the slides", 0), line("i will send the report", 5000)],
        [
            caption("one", "i will send the slides", 1500, final=True),
            caption("two", "i will send", 5700),
            caption("two", "i will send the report", 6600, final=True),
        ],
    )
    assert found.final_ms == [500, 600]
    assert found.partial_ms[5:] == [500, 300, 100, 800, 600]


def test_overlapping_speakers_are_measured_apart() -> None:
    found = caption_latencies(
        [line("yes", 0, "TR_a"), line("no", 0, "TR_b")],
        [
            caption("a", "yes", 300, final=True, track="TR_a"),
            caption("b", "no", 900, final=True, track="TR_b"),
        ],
    )
    assert sorted(found.final_ms) == [100, 700]


def test_captions_before_a_word_was_begun_do_not_count_for_it() -> None:
    found = caption_latencies(
        [line("no no", 0)],
        [caption("s", "no no", 150), caption("s", "no no", 600, final=True)],
    )
    assert found.partial_ms == [-50, 200]


def test_percentiles_are_nearest_rank() -> None:
    values = [float(n) for n in range(1, 101)]
    assert percentile(values, 50) == 50
    assert percentile(values, 95) == 95
    assert percentile([7.0], 95) == 7
    assert percentile([], 95) == 0
