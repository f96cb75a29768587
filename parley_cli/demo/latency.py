"""How late captions are: from a word's end in the air to the caption that holds it at a client.

Scripted words are aligned with what was recognised, in order, so that a repeated word counts only
where it was said. A word that was not recognised has no latency; it counts in the error rate.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import jiwer

from parley_cli.demo.listener import Caption
from parley_cli.demo.participant import SpokenLine, SpokenWord
from parley_cli.demo.wer import normalise


@dataclass
class CaptionLatencies:
    """Milliseconds from the audio's end to the caption, and how many words were found at all."""

    partial_ms: list[int] = field(default_factory=list)
    final_ms: list[int] = field(default_factory=list)
    words: int = 0


def caption_latencies(lines: Iterable[SpokenLine], captions: Iterable[Caption]) -> CaptionLatencies:
    """Measure all captions of a meeting.

    Args:
        lines: what was spoken, with absolute times.
        captions: what one client received, in order of arrival.

    Returns:
        For each recognised word, first caption that holds it minus the word's end; for each
        utterance, its final caption minus the end of its last recognised word.
    """
    found = CaptionLatencies()
    by_track: dict[str, list[SpokenWord]] = {}
    for line in sorted(lines, key=lambda line: line.start_ms):
        by_track.setdefault(line.track_sid, []).extend(_single_words(line.words))
    arrived: dict[str, list[Caption]] = {}
    for caption in captions:
        arrived.setdefault(caption.track_sid, []).append(caption)
    for track_sid, spoken in by_track.items():
        found.words += len(spoken)
        _measure_track(spoken, arrived.get(track_sid, []), found)
    return found


def percentile(values: Sequence[float], percent: float) -> float:
    """The value below which so many percent of the values lie (nearest rank); 0 of nothing."""
    if not values:
        return 0.0
    ranked = sorted(values)
    return ranked[max(0, -(-len(ranked) * int(percent * 10) // 1000) - 1)]


def words_of(text: str) -> list[str]:
    """A text's words as they are compared: lower case, numbers spelt, without punctuation."""
    return normalise(text).split()


def _measure_track(
    spoken: list[SpokenWord], captions: list[Caption], found: CaptionLatencies
) -> None:
    updates: dict[str, list[Caption]] = {}
    for caption in captions:
        updates.setdefault(caption.segment_id, []).append(caption)
    hypothesis: list[tuple[str, str]] = []
    for segment_id, versions in updates.items():
        hypothesis += [(word, segment_id) for word in words_of(versions[-1].text)]
    of_segment: dict[str, list[SpokenWord]] = {}
    for at, heard in _equal([w.text for w in spoken], [word for word, _ in hypothesis]):
        of_segment.setdefault(hypothesis[heard][1], []).append(spoken[at])
    for segment_id, words in of_segment.items():
        versions = updates[segment_id]
        first = _first_arrivals(words, versions)
        found.partial_ms += [ms - word.end_ms for word, ms in zip(words, first, strict=True)]
        finals = [caption.arrived_ms for caption in versions if caption.final]
        if finals:
            found.final_ms.append(finals[0] - words[-1].end_ms)


def _first_arrivals(words: list[SpokenWord], versions: list[Caption]) -> list[int]:
    first: dict[int, int] = {}
    for caption in versions:
        begun = [word.text for word in words if word.start_ms <= caption.arrived_ms]
        for at, _ in _equal(begun, words_of(caption.text)):
            first.setdefault(at, caption.arrived_ms)
    last = versions[-1].arrived_ms  # the alignment above found each word in this one
    return [first.get(at, last) for at in range(len(words))]


def _equal(reference: list[str], hypothesis: list[str]) -> list[tuple[int, int]]:
    """The pairs of positions at which the two word lists agree, in a best alignment."""
    if not reference or not hypothesis:
        return []
    (steps,) = jiwer.process_words(" ".join(reference), " ".join(hypothesis)).alignments
    return [
        (step.ref_start_idx + n, step.hyp_start_idx + n)
        for step in steps
        if step.type == "equal"
        for n in range(step.ref_end_idx - step.ref_start_idx)
    ]


def _single_words(words: Iterable[SpokenWord]) -> list[SpokenWord]:
    """Words as they are compared; what normalises to several words shares its time."""
    return [
        SpokenWord(text, word.start_ms, word.end_ms)
        for word in words
        for text in words_of(word.text)
    ]
