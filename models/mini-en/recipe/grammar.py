"""Random sentences of meeting talk from `text/meeting.txt` and `text/slots.txt`."""

import random
import re
from functools import cache

from recipe.places import TEXT

_CHOICE = re.compile(r"\[([^\[\]]*)\]")
_SLOT = re.compile(r"\{(\w+)\}")
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")


@cache
def slots() -> dict[str, tuple[str, ...]]:
    """The fillers of each slot."""
    found = {}
    for line in _lines("slots.txt"):
        name, fillers = line.split(":", 1)
        found[name] = tuple(filler.strip() for filler in fillers.split("|"))
    return found


@cache
def templates() -> tuple[str, ...]:
    """The sentence patterns, one a line of `text/meeting.txt`."""
    return tuple(_lines("meeting.txt"))


@cache
def demo() -> tuple[str, ...]:
    """The patterns of the demo meeting, for the language model alone."""
    return tuple(_lines("demo.txt"))


@cache
def scripts() -> tuple[str, ...]:
    """Whole written sentences, one a line of `text/scripts.txt`."""
    return tuple(_lines("scripts.txt"))


@cache
def talk(files: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """What people say in meetings of all kinds, one utterance a line of the files of `text/talk`, or of some."""
    names = files or sorted(file.stem for file in (TEXT / "talk").glob("*.txt"))
    return tuple(line for name in names for line in _lines(f"talk/{name}.txt"))


def sentence(rng: random.Random, template: str | None = None) -> str:
    """One sentence, with its punctuation, from a random template or the one given."""
    text = rng.choice(templates()) if template is None else template
    while "[" in text or "{" in text:
        text = _CHOICE.sub(lambda m: rng.choice(m[1].split("|")), text, count=1)
        text = _SLOT.sub(lambda m: rng.choice(slots()[m[1]]), text, count=1)
    return re.sub(r" +([,?]?)", lambda m: m[1] or " ", text).strip()


def words(text: str) -> list[str]:
    """The words of a sentence: lower case, no punctuation, apostrophes kept."""
    return _WORD.findall(text.lower())


def _lines(name: str) -> list[str]:
    lines = (TEXT / name).read_text().splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]
