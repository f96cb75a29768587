"""Capital letters for plain text, from how the words were written where they were said."""

import re

_WORD = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"
_MONTHS = (
    "January February April June July August September October November December"  # not May, March
)
_ALWAYS = {word.lower(): word for word in f"I {_DAYS} {_MONTHS}".split()}


def recased(plain: str, text: str) -> str:
    """Write a plain text's words as the transcript writes them in mid-sentence.

    Args:
        plain: lower-case text.
        text: what it was taken from.
    """
    written = dict(_ALWAYS)
    for match in _WORD.finditer(text):
        word = match.group()
        starts = text[: match.start()].rstrip(" \"'")[-1:] in {"", ".", "!", "?"}
        if word != word.lower() and not (starts and word == word.capitalize()):
            written[word.lower()] = word
    return _WORD.sub(lambda m: written.get(m.group(), m.group()), plain)
