"""The decoding graph (HCLG): from pronunciations and a word bigram to one FST.

Built in the shape that Kaldi's composition and minimisation would give, but small: each pronunciation is one chain
of states, entered from a history by a pair's arc, or from the shared prefix tree of all words by the unigram. After a
word comes the state of its history, with optional silence. An `[unk]` loop of phone pairs catches the rest.
"""

import math
from collections import defaultdict
from dataclasses import dataclass

from recipe.backoff import END, START, Model
from recipe.fst import Graph
from recipe.phones import PHONES, Forms
from recipe.topology import BY_NAME, SILENCE, enter, in_word, stay

UNKNOWN = "[unk]"


@dataclass(frozen=True)
class Scales:
    """Costs of the graph; chosen on `text/development.txt` (natural logs, before the acoustic scale).

    Attributes:
        language: Factor of the word bigram's costs.
        pronunciation: Factor of the costs of less likely forms.
        word: Added to each word.
        silence: Cost of a pause.
        linger: Cost of each blank step in a word's last phone, so that a longer pause counts as silence.
        unknown: Cost of beginning an unknown word.
        unknown_phone: Added to each phone of an unknown word.
        phone_pairs: Factor of the phone bigram inside unknown words.
        overall: Factor of all of them; goes with the acoustic scale of `model.conf`.
    """

    language: float = 0.9
    pronunciation: float = 0.4
    word: float = 0.0
    silence: float = 0.4
    linger: float = 0.15
    unknown: float = 5.0
    unknown_phone: float = 0.4
    phone_pairs: float = 0.6
    overall: float = 1.0


@dataclass
class _Chain:
    """One pronunciation: its phones and the state reached by each."""

    word: str
    cost: float
    phones: list[int]
    states: list[int]


class Builder:
    """Builds one graph."""

    def __init__(self, forms: dict[str, Forms], model: Model, scales: Scales) -> None:
        """Prepare to build for the words of `forms`."""
        self.graph = Graph()
        self.words = sorted(forms)
        self.numbers = {word: i + 1 for i, word in enumerate([*self.words, UNKNOWN])}
        self._model, self._forms, self._scales = model, forms, scales
        self._start = self.graph.state(0.0)
        self._root = self.graph.state()

    def build(self) -> Graph:
        """The whole graph."""
        chains: dict[str, list[_Chain]] = {}
        histories = {START: self._start}
        for word in self.words:
            histories[word] = self.graph.state(0.0)
            chains[word] = self._chains(word, histories[word])
        for history, state in histories.items():
            self._pause(state)
            for word, cost in self._model.pairs.get(history, {}).items():
                if word != END:
                    for chain in chains[word]:
                        self._enter(state, chain, cost)
            self._arc(state, self._root, 0, 0, self._language(self._model.backoff.get(history, 0.0)))
        self._tree([chain for group in chains.values() for chain in group])
        self._unknown()
        return self.graph

    def _arc(self, source: int, target: int, label: int, word: int, cost: float) -> None:
        self.graph.arc(source, target, label, word, self._scales.overall * cost)

    def _language(self, cost: float) -> float:
        return self._scales.language * cost

    def _chains(self, word: str, history: int) -> list[_Chain]:
        """States of each form of a word, the last leading to the word's history."""
        made = []
        for form, cost in sorted(self._forms[word].items()):
            phones = in_word(form)
            states = [self.graph.state() for _ in phones]
            for i, (phone, state) in enumerate(zip(phones, states, strict=True)):
                last = i == len(phones) - 1
                self._arc(state, state, stay(phone), 0, self._scales.linger if last else 0.0)
                if last:
                    self._arc(state, history, 0, 0, 0.0)
                else:
                    self._arc(state, states[i + 1], enter(phones[i + 1]), 0, 0.0)
            made.append(_Chain(word, self._scales.pronunciation * cost, phones, states))
        return made

    def _enter(self, source: int, chain: _Chain, cost: float) -> None:
        total = self._language(cost) + self._scales.word + chain.cost
        number = self.numbers[chain.word]
        self._arc(source, chain.states[0], enter(chain.phones[0]), number, total)

    def _pause(self, state: int) -> None:
        pause = self.graph.state(0.0)
        self._arc(state, pause, enter(SILENCE), 0, self._scales.silence)
        self._arc(pause, pause, stay(SILENCE), 0, 0.0)
        self._arc(pause, state, 0, 0, 0.0)

    def _tree(self, chains: list[_Chain]) -> None:
        """The shared prefixes of all words, each joining its own chain where no other word goes along."""
        costs = [self._language(self._model.unigram[c.word]) + self._scales.word + c.cost for c in chains]
        self._branch(self._root, list(zip(costs, chains, strict=True)), 0, 0.0)

    def _branch(self, node: int, group: list[tuple[float, _Chain]], depth: int, paid: float) -> None:
        following: dict[int, list[tuple[float, _Chain]]] = defaultdict(list)
        for cost, chain in group:
            following[chain.phones[depth]].append((cost, chain))
        for phone, members in sorted(following.items()):
            ending = [m for m in members if len(m[1].phones) == depth + 1]
            if len(members) == 1 or ending:
                # Position-dependent phones make all members end here when one does.
                for cost, chain in members:
                    number = self.numbers[chain.word]
                    self._arc(node, chain.states[depth], enter(phone), number, cost - paid)
                continue
            least = min(cost for cost, _ in members)
            state = self.graph.state()
            self._arc(node, state, enter(phone), 0, least - paid)
            self._arc(state, state, stay(phone), 0, 0.0)
            self._branch(state, members, depth + 1, least)

    def _unknown(self) -> None:
        """`[unk]`: two phones or more, along phone pairs as the lexicon has them."""
        pairs = phone_pairs(self._forms)
        history = self.graph.state(0.0)
        self._pause(history)
        self._arc(history, self._root, 0, 0, 0.0)
        number = self.numbers[UNKNOWN]
        inner = {}
        for letter in "BIE":
            for phone in PHONES:
                kaldi = BY_NAME[f"{phone}_{letter}"]
                state = inner[phone, letter] = self.graph.state()
                self._arc(state, state, stay(kaldi), 0, 0.0)
        extra, factor = self._scales.unknown_phone, self._scales.phone_pairs
        for (first, second), cost in sorted(pairs.items()):
            if second == "#":
                continue
            total = factor * cost + extra
            if first == "#":
                target = BY_NAME[f"{second}_B"]
                begin = inner[second, "B"]
                self._arc(self._root, begin, enter(target), number, total + self._scales.unknown)
                continue
            for letter in "BI":
                source = inner[first, letter]
                for following in "IE":
                    ended = pairs.get((second, "#"), 6.0) if following == "E" else 0.0
                    label = enter(BY_NAME[f"{second}_{following}"])
                    self._arc(source, inner[second, following], label, 0, total + factor * ended)
        for phone in PHONES:
            self._arc(inner[phone, "E"], history, 0, 0, 0.0)


def phone_pairs(forms: dict[str, Forms]) -> dict[tuple[str, str], float]:
    """Costs of each phone after another inside words; `#` is the edge of a word."""
    counts: dict[str, dict[str, float]] = {first: dict.fromkeys((*PHONES, "#"), 0.2) for first in (*PHONES, "#")}
    for word_forms in forms.values():
        for form in word_forms:
            for first, second in zip(("#", *form), (*form, "#"), strict=True):
                if second in counts[first]:
                    counts[first][second] += 1
    counts["#"].pop("#")
    costs = {}
    for first, nexts in counts.items():
        inner = sum(n for second, n in nexts.items() if second != "#")
        for second, n in nexts.items():
            costs[first, second] = -math.log(n / (inner if second != "#" else inner + n))
    return costs
