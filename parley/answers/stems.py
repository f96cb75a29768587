"""Stems of English words, so that "promised" finds "promise" and "sent" finds "send"."""

from functools import lru_cache

from sumy.nlp.stemmers import Stemmer

from parley.summary.extractive.ranking import words_of

_STEMMER = Stemmer("english")
# Verbs whose forms no stemmer brings together.
_IRREGULAR = {
    "sent": "send", "wrote": "write", "written": "write", "made": "make", "did": "do",
    "went": "go", "gone": "go", "paid": "pay", "bought": "buy", "sold": "sell", "gave": "give",
    "given": "give", "took": "take", "taken": "take", "found": "find", "met": "meet",
    "meeting": "meeting", "spoke": "speak", "came": "come", "began": "begin", "built": "build",
    "chose": "choose", "chosen": "choose", "broke": "break", "broken": "break", "cost": "cost",
    "costs": "cost", "ran": "run", "held": "hold", "kept": "keep", "left": "leave", "led": "lead",
    "lost": "lose", "saw": "see", "seen": "see", "showed": "show", "shown": "show",
}  # fmt: skip


@lru_cache(maxsize=20_000)
def _stem(word: str) -> str:
    return str(_STEMMER(_IRREGULAR.get(word, word.removesuffix("'s"))))


def stems_of(text: str) -> list[str]:
    """The stems of a text's words, in order."""
    return [_stem(word) for word in words_of(text)]
