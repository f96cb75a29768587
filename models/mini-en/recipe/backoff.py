"""A back-off bigram over words, as the graph needs it."""

from dataclasses import dataclass

START, END = "<s>", "</s>"


@dataclass(frozen=True)
class Model:
    """A back-off bigram model; costs are natural logs.

    Attributes:
        unigram: Cost of each word (and of the end) without history.
        pairs: Cost of the kept followers of each history.
        backoff: Cost of leaving a history for the unigram.
    """

    unigram: dict[str, float]
    pairs: dict[str, dict[str, float]]
    backoff: dict[str, float]

    def cost(self, history: str, word: str) -> float:
        """The cost of `word` after `history`."""
        kept = self.pairs.get(history, {})
        if word in kept:
            return kept[word]
        return self.backoff.get(history, 0.0) + self.unigram[word]
