"""The live transcript against the final one, by utterance and by word. Pure rules."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import jiwer

from parley.domain.base import Record
from parley.domain.segment import Segment

# Neighbours may touch; counterparts share at least this part of the shorter one.
_LEAST_OVERLAP = 0.25
_NOT_WORD = re.compile(r"[^\w']+", re.UNICODE)


class WordChange(Record):
    """A stretch of words: the same in both, replaced, only in the live or only in the final one."""

    kind: Literal["equal", "substitute", "delete", "insert"]
    live: str
    final: str


class DiffEntry(Record):
    """Utterances of one track that cover the same time in both versions.

    `wer` is the word error rate of the live words against the final ones; null where the final
    version has none.
    """

    track_sid: str
    identity: str
    start_ms: int
    end_ms: int
    live_ids: tuple[str, ...]
    final_ids: tuple[str, ...]
    live_text: str
    final_text: str
    wer: float | None
    changes: tuple[WordChange, ...]


@dataclass(frozen=True)
class Score:
    """Errors and reference words, added up."""

    errors: int = 0
    words: int = 0

    def __add__(self, other: "Score") -> "Score":
        """Both together."""
        return Score(self.errors + other.errors, self.words + other.words)

    @property
    def wer(self) -> float | None:
        """The word error rate, or None without reference words."""
        return round(self.errors / self.words, 4) if self.words else None


def normal_words(text: str) -> list[str]:
    """Words as they are compared: lower case, without punctuation."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return [word.strip("'") for word in _NOT_WORD.split(folded) if word.strip("'")]


def diff_track(
    track_sid: str, identity: str, live: Sequence[Segment], final: Sequence[Segment]
) -> tuple[list[DiffEntry], Score]:
    """Pair the utterances of one track by time and compare their words.

    Args:
        track_sid: the track.
        identity: its speaker.
        live: segments of the live version.
        final: segments of the final version.

    Returns:
        One entry per group of counterparts, by time, and the track's score.
    """
    entries = []
    score = Score()
    for of_live, of_final in _groups(live, final):
        changes, group_score = _compare(of_live, of_final)
        score += group_score
        both = [*of_live, *of_final]
        entries.append(
            DiffEntry(
                track_sid=track_sid,
                identity=identity,
                start_ms=min(s.start_ms for s in both),
                end_ms=max(s.end_ms for s in both),
                live_ids=tuple(s.id for s in of_live),
                final_ids=tuple(s.id for s in of_final),
                live_text=" ".join(s.text for s in of_live),
                final_text=" ".join(s.text for s in of_final),
                wer=group_score.wer,
                changes=tuple(changes),
            )
        )
    return entries, score


def _groups(
    live: Sequence[Segment], final: Sequence[Segment]
) -> list[tuple[list[Segment], list[Segment]]]:
    """Segments that overlap, directly or through others, together; each side sorted by time."""
    marked = sorted(
        [(s, True) for s in live] + [(s, False) for s in final],
        key=lambda pair: (pair[0].start_ms, pair[0].end_ms),
    )
    groups: list[tuple[list[Segment], list[Segment]]] = []
    for segment, is_live in marked:
        joined = None
        for group in reversed(groups[-4:]):
            others = group[1] if is_live else group[0]
            if any(_counterparts(segment, other) for other in others):
                joined = group
                break
        if joined is None:
            joined = ([], [])
            groups.append(joined)
        joined[0 if is_live else 1].append(segment)
    return groups


def _counterparts(one: Segment, other: Segment) -> bool:
    overlap = min(one.end_ms, other.end_ms) - max(one.start_ms, other.start_ms)
    shorter = min(one.end_ms - one.start_ms, other.end_ms - other.start_ms)
    return overlap > 0 and overlap >= _LEAST_OVERLAP * shorter


def _compare(live: Sequence[Segment], final: Sequence[Segment]) -> tuple[list[WordChange], Score]:
    heard = normal_words(" ".join(s.text for s in live))
    exact = normal_words(" ".join(s.text for s in final))
    if not exact or not heard:
        if not exact and not heard:
            return [], Score()
        kind: Literal["insert", "delete"] = "insert" if heard else "delete"
        change = WordChange(kind=kind, live=" ".join(heard), final=" ".join(exact))
        return [change], Score(len(heard) + len(exact), len(exact))
    result = jiwer.process_words(" ".join(exact), " ".join(heard))
    changes = [
        WordChange(
            kind=part.type,
            live=" ".join(heard[part.hyp_start_idx : part.hyp_end_idx]),
            final=" ".join(exact[part.ref_start_idx : part.ref_end_idx]),
        )
        for part in result.alignments[0]
    ]
    errors = result.substitutions + result.deletions + result.insertions
    return changes, Score(errors, len(exact))
