"""The word bigram model of the graph, from our own sentences, general English pairs and word frequencies.

Pair counts of the sources are added with a weight each, then smoothed with a unigram and pruned to the pairs
that lose most when left to it (Stolcke's entropy criterion, without renormalising in between).
"""

import math
import random
from collections import Counter, defaultdict
from dataclasses import dataclass

import wordfreq

from recipe import bigrams, grammar
from recipe.backoff import END, START, Model
from recipe.places import SEED

Counts = dict[str, Counter]


@dataclass(frozen=True)
class Weights:
    """How the sources mix; chosen on `text/development.txt`.

    Attributes:
        scripts: Count of each pair in the written scripts.
        grammar: Tokens that all grammar sentences together count for.
        general: Tokens that all general pairs together count for.
        smoothing: Share given to the unigram, in pair counts a distinct follower (Witten-Bell).
        own_unigram: Share of our own text in the unigram, the rest being `wordfreq`.
    """

    scripts: float = 3.0
    grammar: float = 20000.0
    general: float = 100000.0
    smoothing: float = 0.15
    own_unigram: float = 0.3


def estimate(words: list[str], keep: int, weights: Weights = Weights()) -> Model:
    """The model over `words`, with at most `keep` pairs."""
    known = set(words)
    counts, own = _counts(known, weights)
    unigram = _unigram(words, own, weights.own_unigram)
    full: dict[str, dict[str, float]] = {}
    leave: dict[str, float] = {}
    gains = []
    for history, followers in sorted(counts.items()):
        total = sum(followers.values())
        spare = weights.smoothing * len(followers)
        leave[history] = spare / (total + spare)
        full[history] = {
            word: count / (total + spare) + leave[history] * unigram[word] for word, count in sorted(followers.items())
        }
        share = 1.0 if history == START else unigram[history]
        for word, p in full[history].items():
            gain = share * p * math.log(p / (leave[history] * unigram[word]))
            gains.append((gain, history, word))
    kept: dict[str, dict[str, float]] = defaultdict(dict)
    for _, history, word in sorted(gains, reverse=True)[:keep]:
        kept[history][word] = full[history][word]
    backoff = {
        history: -math.log((1 - sum(ps.values())) / (1 - sum(unigram[w] for w in ps))) for history, ps in kept.items()
    }
    return Model(
        {w: -math.log(p) for w, p in unigram.items()},
        {h: {w: -math.log(p) for w, p in sorted(ps.items())} for h, ps in sorted(kept.items())},
        backoff,
    )


def perplexity(model: Model, sentences: list[str]) -> float:
    """Perplexity a word over `sentences`, words outside the model left out."""
    cost = count = 0.0
    for sentence in sentences:
        history = START
        for word in [*grammar.words(sentence), END]:
            if word not in model.unigram:
                history = ""
                continue
            cost += model.cost(history, word)
            count += 1
            history = word
    return math.exp(cost / count)


def _counts(known: set[str], weights: Weights) -> tuple[Counts, Counter]:
    """Weighted pair counts, and word counts of our own text."""
    rng = random.Random(f"{SEED}/ngram")
    spoken = [grammar.words(grammar.sentence(rng)) for _ in range(40000)]
    written = [grammar.words(text) for text in grammar.scripts()]
    counts: Counts = defaultdict(Counter)
    own: Counter = Counter()
    tokens = sum(len(s) + 1 for s in spoken)
    for sentences, weight in ((spoken, weights.grammar / tokens), (written, weights.scripts)):
        for sentence in sentences:
            own.update(dict.fromkeys(set(sentence), weight))
            for first, second in zip([START, *sentence], [*sentence, END], strict=True):
                if second in known or second == END:
                    counts[first][second] += weight
    pairs = bigrams.followers()
    everything = sum(sum(nexts.values()) for nexts in pairs.values())
    for first, nexts in pairs.items():
        for second, count in nexts.items():
            counts[first][second] += weights.general * count / everything
    return {h: c for h, c in counts.items() if h in known or h == START}, own


def _unigram(words: list[str], own: Counter, share: float) -> dict[str, float]:
    common = {word: max(wordfreq.word_frequency(word, "en"), 1e-7) for word in words}
    scale, own_scale = sum(common.values()), sum(own[word] for word in words)
    mixed = {word: (1 - share) * common[word] / scale + share * own[word] / own_scale for word in words}
    mixed[END] = 0.1
    total = sum(mixed.values())
    return {word: p / total for word, p in mixed.items()}
