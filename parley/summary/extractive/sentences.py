"""The transcript as sentences, each with its speaker and the segment it comes from."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from parley.domain.timeline import TimelineSegment

_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]*[A-Z0-9])")
_CONTRACTIONS = (
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"\bcan't\b|\bcannot\b"), "can not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"\b(i|you|we|they|he|she|it|that|there|who)'ll\b"), r"\1 will"),
    (re.compile(r"\b(i)'m\b"), r"\1 am"),
    (re.compile(r"\b(you|we|they)'re\b"), r"\1 are"),
    (re.compile(r"\b(i|you|we|they)'ve\b"), r"\1 have"),
    (re.compile(r"\b(i|you|we|they|he|she|it)'d\b"), r"\1 would"),
    (re.compile(r"\blet's\b"), "let us"),
    (re.compile(r"\b(it|that|he|she|there|what|who|where)'s\b"), r"\1 is"),
    (re.compile(r"\bgonna\b"), "going to"),
    (re.compile(r"\bgotta\b"), "got to"),
    (re.compile(r"\bwanna\b"), "want to"),
)
_FILLERS = re.compile(r"\b(?:um+|uh+|erm?|hmm+|(?<!do )you know|i mean)\b,?\s*")
_FIRST_WORDS = (
    "who what when where why which how is are was were do does did can could will would should "
    "shall have has may"
)
_ASKS = re.compile(rf"(?:so |and |but |okay |then )?(?:{'|'.join(_FIRST_WORDS.split())})\b")


@dataclass(frozen=True)
class Sentence:
    """One sentence of one speaker.

    Attributes:
        text: as it stands in the transcript.
        plain: lower case, contractions written out, without fillers.
        identity: the speaker.
        segment_id: the segment it comes from.
        start_ms: begin of that segment, ms since the epoch.
        end_ms: its end.
        question: whether it asks; without punctuation, by its first word.
    """

    text: str
    plain: str
    identity: str
    segment_id: str
    start_ms: int
    end_ms: int
    question: bool


def sentences_of(segments: Iterable[TimelineSegment]) -> list[Sentence]:
    """Cut segments into sentences, in the order in which they begin."""
    found = []
    for segment in segments:
        for text in _END.split(segment.text.strip()):
            if plain := plain_form(text):
                found.append(
                    Sentence(
                        text=text.strip(),
                        plain=plain,
                        identity=segment.identity,
                        segment_id=segment.id,
                        start_ms=segment.start_ms,
                        end_ms=segment.end_ms,
                        question=_is_question(text, plain),
                    )
                )
    return found


def plain_form(text: str) -> str:
    """Lower case, contractions written out, no fillers, no final punctuation."""
    plain = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").strip(" .!?\"'")
    for pattern, full in _CONTRACTIONS:
        plain = pattern.sub(full, plain)
    return re.sub(r"\s+", " ", _FILLERS.sub("", plain)).strip(" ,")


def _is_question(text: str, plain: str) -> bool:
    last = text.rstrip(" \"'")[-1:]
    if last in {".", "!", "?"}:
        return last == "?"
    return _ASKS.match(plain) is not None
