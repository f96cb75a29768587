"""How quotations are spoken: who said it, then their words."""

from collections.abc import Sequence

from parley.answers.engine import Recollection
from parley.summary.extractive.casing import recased
from parley.summary.extractive.sentences import Sentence

UNKNOWN = "I don't know. I have not heard anybody speak about that."


def told(found: Sequence[Sentence], memory: Recollection, asker: str) -> list[str]:
    """One sentence for each quotation, with its speaker."""
    sentences = []
    before = None
    for sentence in found:
        who = "you" if sentence.identity == asker else called(sentence.identity, memory)
        also = "also " if sentence.identity == before else ""
        sentences.append(f"{who[:1].upper()}{who[1:]} {also}said: {quoted(sentence.text)}")
        before = sentence.identity
    return sentences


def called(identity: str, memory: Recollection) -> str:
    """A participant's first name, where nobody else has it; else the whole."""
    name = memory.name(identity)
    first = name.split()[0] if name.split() else name
    others = [p.name.split()[:1] for p in memory.participants if p.identity != identity]
    return name if [first] in others else first


def quoted(text: str) -> str:
    """Somebody's words as a sentence; recognised ones get their capitals."""
    shown = recased(text, "") if text == text.lower() else text
    shown = shown[:1].upper() + shown[1:]
    return shown if shown[-1:] in {".", "!", "?"} else f"{shown}."


def listed(names: Sequence[str]) -> str:
    """Names in a row: "Anna, Ben and Cleo"."""
    if not names:
        return "Nobody"
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
