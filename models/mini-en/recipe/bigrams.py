"""Word pairs of general English within the vocabulary, contractions added.

The counts are those of the `symspellpy` package (from Google Books Ngrams), which writes contractions out.
`don't` gets the pairs before `do` and the pairs after `not`, and so on.
"""

import random
from collections import defaultdict
from functools import cache
from importlib.resources import files

from recipe.vocabulary import base_words

CONTRACTIONS = {
    "i'm": "i am", "i've": "i have", "i'll": "i will", "i'd": "i would", "you're": "you are", "you've": "you have",
    "you'll": "you will", "you'd": "you would", "he's": "he is", "he'll": "he will", "he'd": "he would",
    "she's": "she is", "she'll": "she will", "she'd": "she would", "it's": "it is", "it'll": "it will",
    "we're": "we are", "we've": "we have", "we'll": "we will", "we'd": "we would", "they're": "they are",
    "they've": "they have", "they'll": "they will", "they'd": "they would", "that's": "that is",
    "there's": "there is", "what's": "what is", "who's": "who is", "here's": "here is", "let's": "let us",
    "don't": "do not", "doesn't": "does not", "didn't": "did not", "isn't": "is not", "aren't": "are not",
    "wasn't": "was not", "weren't": "were not", "won't": "will not", "wouldn't": "would not", "can't": "can not",
    "couldn't": "could not", "shouldn't": "should not", "haven't": "have not", "hasn't": "has not",
    "hadn't": "had not",
}  # fmt: skip


@cache
def followers(words: frozenset[str] | None = None) -> dict[str, dict[str, float]]:
    """For each word, the words seen after it with their counts (a contraction counts half its pair).

    Args:
        words: The only ones looked at; without them those of the training prompts.
    """
    known = words or frozenset(base_words())
    pairs: dict[str, dict[str, float]] = defaultdict(dict)
    source = files("symspellpy") / "frequency_bigramdictionary_en_243_342.txt"
    for line in source.read_text("utf-8-sig").splitlines():
        first, second, count = line.split()
        if first in known and second in known:
            pairs[first][second] = float(count)
    for short, long in CONTRACTIONS.items():
        head, tail = long.split()
        share = pairs[head].get(tail, 0.0) / max(1.0, sum(pairs[head].values()))
        for before in list(pairs):
            if head in pairs[before]:
                pairs[before][short] = pairs[before][head] * share / 2
        total = pairs[head].get(tail, 0.0) / 2
        after = sum(pairs[tail].values())
        pairs[short] = {word: total * n / after for word, n in pairs[tail].items()}
    return {word: dict(sorted(nexts.items())) for word, nexts in sorted(pairs.items())}


@cache
def leaders() -> dict[str, dict[str, float]]:
    """For each word, the words seen before it with their counts."""
    back: dict[str, dict[str, float]] = defaultdict(dict)
    for first, nexts in followers().items():
        for second, count in nexts.items():
            back[second][first] = count
    return dict(back)


def walk(rng: random.Random, seed_word: str, before: int, after: int, flatness: float = 0.6) -> str:
    """A phrase around `seed_word`, grown by up to `before` and `after` words along the pairs.

    Args:
        rng: Source of the choices.
        seed_word: The word that the phrase must hold.
        before: Most words put in front.
        after: Most words put behind.
        flatness: Exponent of the counts: 1 follows English, 0 picks any pair alike.
    """
    phrase = [seed_word]
    for _ in range(after):
        if not (step := _pick(rng, followers().get(phrase[-1]), flatness)):
            break
        phrase.append(step)
    for _ in range(before):
        if not (step := _pick(rng, leaders().get(phrase[0]), flatness)):
            break
        phrase.insert(0, step)
    return " ".join(phrase)


def _pick(rng: random.Random, counts: dict[str, float] | None, flatness: float) -> str | None:
    if not counts:
        return None
    return rng.choices(list(counts), [n**flatness for n in counts.values()])[0]
