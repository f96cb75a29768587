"""Whether somebody speaks to the assistant: its name where one calls somebody by name. Pure rules.

Recognised speech has neither commas nor capitals, so that "parley is great" and "parley, is it
done" differ by their words alone.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_GREETING = r"hey|hi|hello|okay|ok|please|excuse me|good (?:morning|afternoon|evening)"
_LEAD = rf"(?:(?:{_GREETING}|so|well|and|but|then|now|alright|right|yes|yeah|no|thanks|oh)[, ]+)*"
_LET_US_ASK = (
    r"(?:(?:so|and|but|okay|then|well|maybe)[, ]+)*"
    r"(?:let us|let me|i will|i would like to|i want to|i am going to|we can|we could|we should|"
    r"can we|could we|shall we|can i|why do we not)(?: just)? (?:ask|try) "
)
# Before a name at the end: then it is spoken about, not to.
_ABOUT = re.compile(
    r"\b(?:the|an?|our|your|this|that|about|of|with|from|in|on|to|for|by|at|like|than|and|or|is|was|"
    r"are|use|using|used|start|stop|called|named|say|said|ask|asked|tell|told|mean|install|try|"
    r"tried|love|hate|not|without|into|via|through|between|buy|sell|run|running|build|open)$"
)


@dataclass(frozen=True, slots=True)
class Addressed:
    """What was said to the assistant.

    Attributes:
        rest: the words without its name and the greeting, in plain form; may be empty.
        surely: whether the form leaves no doubt that it was called ("hey parley").
    """

    rest: str
    surely: bool


class Addressing:
    """Knows the names that the assistant hears to."""

    def __init__(self, names: Sequence[str]) -> None:
        """Take the name and what recognisers make of it.

        Raises:
            ValueError: there is none.
        """
        spoken = sorted({" ".join(name.lower().split()) for name in names} - {""}, key=len)
        if not spoken:
            raise ValueError("the assistant needs a name")
        name = "|".join(re.escape(one) for one in reversed(spoken))
        name = rf"(?:{name})(?!['\w-])"
        self._first = re.compile(rf"^(?P<lead>{_LEAD}){name}[,:]?\s*(?P<rest>.*)$")
        self._asked = re.compile(rf"^{_LET_US_ASK}{name}[,:]?\s*(?P<rest>.*)$")
        self._last = re.compile(rf"^(?P<rest>.+?),?\s+(?:hey )?{name}(?: please| now)?$")

    def find(self, plain: str) -> Addressed | None:
        """Whether a sentence in plain form (`plain_form`) is said to the assistant."""
        if found := self._first.match(plain):
            rest = self._first.match(found["rest"])  # "parley parley": called twice
            called = re.search(rf"\b(?:{_GREETING})\b", found["lead"]) is not None
            if rest is not None:
                return Addressed(rest["rest"].strip(" ,"), True)
            return Addressed(found["rest"].strip(" ,"), called)
        if found := self._asked.match(plain):
            return Addressed(found["rest"].strip(" ,"), True) if found["rest"] else None
        if found := self._last.match(plain):
            rest_of = found["rest"].strip(" ,")
            comma = plain[found.end("rest") :].startswith(",")
            if comma or not _ABOUT.search(rest_of):
                return Addressed(rest_of, True)
        return None
