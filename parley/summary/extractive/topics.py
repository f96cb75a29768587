"""What was talked about when: cut at announcements and pauses, titled by them or by key words."""

import math
import re
from collections import Counter
from itertools import pairwise

from parley.domain.summary import Topic
from parley.summary.extractive.ranking import STOP_WORDS, words_of
from parley.summary.extractive.sentences import Sentence

_ANNOUNCES = re.compile(
    r"\b(?:(?:first|next|second|third|last|final|other|another|main|only)?\s*(?:topic|item|point|subject)"
    r"(?: on (?:the|our) (?:agenda|list))?(?: for today| today)? is(?: about)?"
    r"|(?:let us|i want to|i would like to|we should|we need to|shall we) (?:also )?"
    r"(?:talk|speak|discuss|chat) about"
    r"|(?:let us|we can|i would like to) (?:discuss|move on to|go on to|turn to|look at|start with)"
    r"|moving on to|coming to|on to the next (?:topic|item|point)[:,]?"
    r"|next up(?: is)?|on the agenda (?:today )?is)"
    r" (?P<title>(?:the |our |a )?[a-z0-9' -]{3,60})"
)
_PAUSE_MS = 60_000
_LONGEST_MS = 600_000
_SHORTEST_SENTENCES = 3
_MAX_CITED = 5
_NO_TITLE_WORDS = frozenset({"start", "begin", "next", "now", "it", "that", "this"})


def topics(sentences: list[Sentence]) -> tuple[Topic, ...]:
    """The topics of a meeting, in order and without gaps between sentences."""
    blocks = _blocks(sentences)
    documents = [Counter(_content_words(block)) for block in blocks]
    return tuple(
        Topic(
            title=_announced(block[0]) or _key_words(words, documents),
            start_ms=min(s.start_ms for s in block),
            end_ms=max(s.end_ms for s in block),
            segment_ids=_cited(block, words),
        )
        for block, words in zip(blocks, documents, strict=True)
        if words or _announced(block[0])
    )


def _blocks(sentences: list[Sentence]) -> list[list[Sentence]]:
    if not sentences:
        return []
    blocks = [[sentences[0]]]
    for before, sentence in pairwise(sentences):
        block = blocks[-1]
        long_enough = len(block) >= _SHORTEST_SENTENCES
        if _announced(sentence) or (
            long_enough
            and (
                sentence.start_ms - before.end_ms > _PAUSE_MS
                or sentence.end_ms - block[0].start_ms > _LONGEST_MS
            )
        ):
            blocks.append([sentence])
        else:
            block.append(sentence)
    if len(blocks) > 1 and len(blocks[0]) < _SHORTEST_SENTENCES and not _announced(blocks[0][0]):
        first = blocks.pop(0)  # the greetings before the first announced topic
        blocks[0] = [blocks[0][0], *first, *blocks[0][1:]]
    return blocks


def _announced(sentence: Sentence) -> str | None:
    found = _ANNOUNCES.search(sentence.plain)
    if not found:
        return None
    title = re.split(r",| because | so | and then | before | which | today\b", found["title"])[0]
    title = re.sub(r"^(?:the|our|a) ", "", title.strip())
    if not set(title.split()) - _NO_TITLE_WORDS - STOP_WORDS:
        return None
    return title[:1].upper() + title[1:]


def _content_words(block: list[Sentence]) -> list[str]:
    return [
        word
        for sentence in block
        for word in words_of(sentence.plain)
        if len(word) > 3 and word not in STOP_WORDS
    ]


def _key_words(words: Counter[str], documents: list[Counter[str]]) -> str:
    def weight(word: str) -> float:
        containing = sum(word in document for document in documents)
        return words[word] * (1 + math.log(len(documents) / containing))

    best = sorted(words, key=lambda word: (-weight(word), word))[:3]
    title = ", ".join(best)
    return title[:1].upper() + title[1:]


def _cited(block: list[Sentence], words: Counter[str]) -> tuple[str, ...]:
    """The segments that hold most of the topic's frequent words, in order."""
    frequent = {word for word, _ in words.most_common(8)}
    order = list(dict.fromkeys(s.segment_id for s in block))
    score: Counter[str] = Counter()
    for sentence in block:
        score[sentence.segment_id] += len(frequent & set(words_of(sentence.plain)))
    best = set(sorted(order, key=lambda i: (-score[i], order.index(i)))[:_MAX_CITED])
    return tuple(i for i in order if i in best)
