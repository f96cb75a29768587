"""The sentences that say most about a meeting: LexRank by sumy, on words of our own cutting.

sumy's own tokenizer wants NLTK data that has to be downloaded; its summarizers take any words, and
its stop words and NLTK's Snowball stemmer come with the packages.
"""

import re
from collections.abc import Sequence

from sumy.models.dom import ObjectDocumentModel, Paragraph, Sentence as RankedSentence
from sumy.nlp.stemmers import Stemmer
from sumy.summarizers.lex_rank import LexRankSummarizer
from sumy.utils import get_stop_words

from parley.summary.extractive.sentences import Sentence

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+")
_AT_ONCE = 150  # LexRank compares each sentence with each other
_MIN_WORDS = 5
_MIN_CONTENT_WORDS = 3

_MEETING_WORDS = """
okay ok yes yeah hello hi everyone thanks thank sure great good morning goodbye bye please really
think like going will would could should one also let us get got well now today maybe just thing
things lot bit sorry right know mean see say said
"""
STOP_WORDS = frozenset(get_stop_words("english")) | frozenset(_MEETING_WORDS.split())


class _Words:
    """What sumy asks of a tokenizer."""

    @staticmethod
    def to_words(text: str) -> tuple[str, ...]:
        """The words of a sentence, in lower case."""
        return tuple(words_of(text))


def words_of(text: str) -> list[str]:
    """The words and numbers of a text, in lower case."""
    return _WORD.findall(text.lower())


def key_sentences(sentences: Sequence[Sentence], count: int) -> list[Sentence]:
    """The `count` sentences that say most, in the order in which they were said.

    Long meetings are ranked in groups first, and then the best of the groups.
    """
    candidates = [s for s in sentences if _worth(s)]
    while len(candidates) > _AT_ONCE:
        groups = [candidates[n : n + _AT_ONCE] for n in range(0, len(candidates), _AT_ONCE)]
        keep = max(count, _AT_ONCE // len(groups))
        if keep >= _AT_ONCE:
            break
        candidates = [best for group in groups for best in _rank(group, keep)]
    return _rank(candidates, count)


def _rank(sentences: Sequence[Sentence], count: int) -> list[Sentence]:
    if len(sentences) <= count:
        return list(sentences)
    words = _Words()
    by_text = {s.text: s for s in reversed(sentences)}  # the first of two that are the same
    document = ObjectDocumentModel(
        [Paragraph([RankedSentence(t, words) for t in _unique(sentences)])]
    )
    summarizer = LexRankSummarizer(Stemmer("english"))
    summarizer.stop_words = STOP_WORDS
    best = {str(sentence) for sentence in summarizer(document, count)}
    return [s for s in sentences if s.text in best and by_text[s.text] is s]


def _unique(sentences: Sequence[Sentence]) -> list[str]:
    return list(dict.fromkeys(s.text for s in sentences))


def _worth(sentence: Sentence) -> bool:
    words = words_of(sentence.plain)
    content = [w for w in words if w not in STOP_WORDS]
    return not sentence.question and len(words) >= _MIN_WORDS and len(content) >= _MIN_CONTENT_WORDS
