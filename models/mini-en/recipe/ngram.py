"""The word bigram model of the graph, from our own sentences, general English pairs and word frequencies.

Pairs of our own text, each source with its weight, are smoothed by absolute discounting with general English, and
that with word frequencies. The pairs that lose most when left to these are kept (Stolcke's entropy criterion, without
renormalising in between).
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
        talk: Count of each pair in the written talk.
        grammar: Tokens that all grammar sentences together count for.
        demo: Tokens that all sentences of the demo meeting's patterns together count for.
        discount: Taken off each pair's count in our own text, for pairs that it lacks.
        general: Share of general English pairs in what is left so; the rest is the unigram's.
        own_unigram: Share of our own text in the unigram, the rest being `wordfreq`.
    """

    scripts: float = 2.0
    talk: float = 1.0
    grammar: float = 20000.0
    demo: float = 15000.0
    discount: float = 0.7
    general: float = 0.4
    own_unigram: float = 0.7


def estimate(words: list[str], keep: int, weights: Weights = Weights()) -> Model:
    """The model over `words`, with at most `keep` pairs."""
    known = frozenset(words)
    counts, own = _counts(known, weights)
    general = bigrams.followers(known)
    unigram = _unigram(words, own, weights.own_unigram)
    full: dict[str, dict[str, float]] = {}
    gains = []
    for history in sorted({START, *known} & {*counts, *general}):
        full[history], leave = _followers(counts[history], general.get(history, {}), unigram, weights)
        share = 1.0 if history == START else unigram[history]
        for word, p in full[history].items():
            gains.append((share * p * math.log(p / (leave * unigram[word])), history, word))
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


def _followers(
    own: Counter, general: dict[str, float], unigram: dict[str, float], weights: Weights
) -> tuple[dict[str, float], float]:
    """Probability of each word seen after a history, and the share left to the unigram."""
    total, general_total = sum(own.values()), sum(general.values())
    spare = sum(min(n, weights.discount) for n in own.values()) / total if total else 1.0
    share = weights.general * spare if general_total else 0.0
    leave = spare - share
    found = {}
    for word in sorted({*own, *general}):
        p = max(0.0, own[word] - weights.discount) / total if total else 0.0
        if general_total:
            p += share * general.get(word, 0.0) / general_total
        found[word] = p + leave * unigram[word]
    return found, leave


def _counts(known: frozenset[str], weights: Weights) -> tuple[Counts, Counter]:
    """Weighted pair counts, and word counts, of our own text."""
    rng = random.Random(f"{SEED}/ngram")
    spoken = [grammar.words(grammar.sentence(rng)) for _ in range(40000)]
    shown = [grammar.words(grammar.sentence(rng, rng.choice(grammar.demo()))) for _ in range(20000)]
    written = [grammar.words(text) for text in grammar.scripts()]
    talk = [grammar.words(text) for text in grammar.talk()]
    counts: Counts = defaultdict(Counter)
    own: Counter = Counter()
    sources = ((spoken, weights.grammar / _tokens(spoken)), (shown, weights.demo / _tokens(shown)))
    for sentences, weight in (*sources, (written, weights.scripts), (talk, weights.talk)):
        for sentence in sentences:
            own.update(dict.fromkeys(set(sentence), weight))
            for first, second in zip([START, *sentence], [*sentence, END], strict=True):
                if (first in known or first == START) and (second in known or second == END):
                    counts[first][second] += weight
    return counts, own


def _tokens(sentences: list[list[str]]) -> int:
    return sum(len(sentence) + 1 for sentence in sentences)


def _unigram(words: list[str], own: Counter, share: float) -> dict[str, float]:
    common = {word: max(wordfreq.word_frequency(word, "en"), 1e-7) for word in words}
    scale, own_scale = sum(common.values()), sum(own[word] for word in words)
    mixed = {word: (1 - share) * common[word] / scale + share * own[word] / own_scale for word in words}
    mixed[END] = 0.1
    total = sum(mixed.values())
    return {word: p / total for word, p in mixed.items()}
