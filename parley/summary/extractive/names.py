"""Who is meant by a spoken name."""

import re
from collections import Counter
from collections.abc import Iterable

from parley.domain.timeline import TimelineParticipant

_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")


class Names:
    """The participants by how people call them: first name, whole name, identity."""

    def __init__(self, participants: Iterable[TimelineParticipant]) -> None:
        """Learn the names; one that two participants share means nobody."""
        called: dict[str, set[str]] = {}
        for participant in participants:
            if participant.kind != "person":
                continue
            words = _WORD.findall(participant.name.lower())
            ways = {" ".join(words), participant.identity.lower(), *words[:1]}
            ways |= set(_WORD.findall(participant.identity.lower())[:1])
            for way in ways:
                if len(way) > 1:
                    called.setdefault(way, set()).add(participant.identity)
        self._identity = {way: next(iter(who)) for way, who in called.items() if len(who) == 1}
        longest_first = sorted(self._identity, key=lambda way: (-len(way), way))
        self.pattern = "|".join(re.escape(way) for way in longest_first) or r"(?!)"
        """A regular expression that matches any name in plain text."""
        self._any = re.compile(rf"\b(?:{self.pattern})\b")

    def identity(self, name: str) -> str:
        """The participant who is called so; `name` was matched by `pattern`."""
        return self._identity[name]

    def first_in(self, plain: str) -> str | None:
        """The first participant whose name is in a plain text."""
        found = self._any.search(plain)
        return self._identity[found.group()] if found else None

    def mentions(self, plain_texts: Iterable[str]) -> Counter[str]:
        """How often each participant's name is said."""
        return Counter(
            self._identity[m.group()] for text in plain_texts for m in self._any.finditer(text)
        )
