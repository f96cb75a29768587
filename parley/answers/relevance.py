"""How much of a question's words a sentence holds: rare words weigh more, as in any search."""

import math
import re
from collections import Counter
from collections.abc import Sequence

from parley.answers.asked import About, Asked
from parley.answers.stems import stems_of
from parley.summary.extractive.deadlines import deadline_in
from parley.summary.extractive.sentences import Sentence

_NUMBER = re.compile(
    r"\b(?:\d[\d.,]*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|"
    r"thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred|thousand|million|half|dozen)\b"
)
_DATE = re.compile(
    r"\b(?:monday|tuesday|wednesday|thursday|friday|saturday|sunday|today|tomorrow|tonight|"
    r"(?:this|next|last|in a|one|two|three|four) (?:weeks?|months?|years?)|january|february|march|"
    r"april|in may|june|july|august|september|october|november|december|o'clock|noon|"
    r"at (?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve))\b"
)


class Relevance:
    """Scores sentences of one meeting."""

    ENOUGH = 0.5
    """Score from which a sentence answers: half of what is asked, by weight."""

    def __init__(self, sentences: Sequence[Sentence]) -> None:
        """Weigh words by how rare they are in these sentences."""
        self._count = len(sentences)
        self._in = Counter(stem for s in sentences for stem in frozenset(stems_of(s.plain)))

    def share_of(self, words: Sequence[str], text: str) -> float:
        """The weight of the words that a text holds, of all of them, 0..1."""
        held = frozenset(stems_of(text))
        total = sum(self._weight(word) for word in words)
        return sum(self._weight(w) for w in words if w in held) / total if total else 0.0

    def score(self, asked: Asked, sentence: Sentence) -> float:
        """How well a sentence answers; at least `ENOUGH` if it does."""
        share = self.share_of(asked.words, sentence.plain)
        if not share:
            return 0.0
        held = frozenset(stems_of(sentence.plain))
        share += 0.1 * len(held & set(asked.words)) / len(held)  # of two, the one that says less
        if asked.about is About.TIME:
            tells = deadline_in(sentence.plain) or _DATE.search(sentence.plain)
            return share + (0.5 if tells else -0.3)
        if asked.about is About.NUMBER:
            return share + (0.5 if _NUMBER.search(sentence.plain) else -0.3)
        return share

    def _weight(self, word: str) -> float:
        return math.log(1 + (self._count + 1) / (self._in[word] + 1))
