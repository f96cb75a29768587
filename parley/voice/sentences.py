"""Split a text into the sentences that are spoken one after the other."""

from livekit import blingfire

_LONGEST = 300
"""Characters after which a sentence is cut at a comma or space, so that its sound comes soon."""


def split_sentences(text: str) -> list[str]:
    """The sentences of a text, without empty ones; overlong ones are cut at a comma or space."""
    lines = blingfire.text_to_sentences(" ".join(text.split())).splitlines()
    return [
        piece
        for line in lines
        for piece in _cut(line.strip())
        if any(character.isalnum() for character in piece)
    ]


def _cut(sentence: str) -> list[str]:
    pieces = []
    while len(sentence) > _LONGEST:
        at = max(sentence.rfind(mark, 0, _LONGEST) for mark in (", ", "; ", ": "))
        if at < _LONGEST // 3:
            at = sentence.rfind(" ", 0, _LONGEST)
        if at <= 0:
            at = _LONGEST - 1
        pieces.append(sentence[: at + 1].strip())
        sentence = sentence[at + 1 :].strip()
    return [*pieces, sentence]
