"""Word error rates that compare what was said, not how it's written ("3" is "three")."""

import re
from collections.abc import Iterable

import jiwer
from num2words import num2words

# What a careful writer may write for the same sounds, as in OpenAI's Whisper normaliser.
_CONTRACTIONS = (
    (r"\blet's\b", "let us"),
    (r"\bwon't\b", "will not"),
    (r"\bcan't\b|\bcannot\b", "can not"),
    (r"n't\b", " not"),
    (r"'re\b", " are"),
    (r"'ll\b", " will"),
    (r"'ve\b", " have"),
    (r"'m\b", " am"),
    (r"\b(it|that|what|who|he|she|there|here)'s\b", r"\1 is"),
    (r"\bok\b", "okay"),
)
_NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_ORDINAL = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b")


def normalise(text: str) -> str:
    """Lower case, no punctuation, numbers and contractions as words, single spaces."""
    text = text.lower().replace("\u2019", "'")
    for pattern, expanded in _CONTRACTIONS:
        text = re.sub(pattern, expanded, text)
    text = re.sub(r"%", " percent ", re.sub(r"[$€£]", "", text))
    text = _ORDINAL.sub(lambda found: num2words(int(found[1]), to="ordinal"), text)
    text = _NUMBER.sub(lambda found: f" {num2words(_number(found[0]))} ", text)
    words = re.sub(r"[^\w' ]", " ", text).split()
    return " ".join(stripped for word in words if (stripped := word.strip("'")))


def word_error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """The error rate of (said, heard) pairs, all words counted together.

    Returns:
        (substitutions + deletions + insertions) / words said; what was heard where nothing was
        said counts as insertions, so it can exceed 1.

    Raises:
        ValueError: nothing was said at all.
    """
    normalised = [(normalise(said), normalise(heard)) for said, heard in pairs]
    said = [reference for reference, _ in normalised if reference]
    if not said:
        raise ValueError("There are no reference words to compare with.")
    # jiwer takes no empty reference.
    extra = sum(len(heard.split()) for reference, heard in normalised if not reference)
    out = jiwer.process_words(said, [heard for reference, heard in normalised if reference])
    errors = out.substitutions + out.deletions + out.insertions + extra
    return errors / (out.hits + out.substitutions + out.deletions)


def _number(written: str) -> int | float:
    plain = written.replace(",", "")
    return float(plain) if "." in plain else int(plain)
