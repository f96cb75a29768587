"""Decisions and open questions, by what people say around them."""

import re

from parley.domain.summary import Statement
from parley.summary.extractive.sentences import Sentence

_DECIDED = re.compile(
    r"\bwe (?:have |all |both |finally |just )*(?:agreed|decided|settled on|concluded|chose|voted|"
    r"approved|agree)\b"
    r"|\b(?:it is|that is|it has been|this is) (?:now )?(?:agreed|decided|settled|approved)\b"
    r"|\b(?:the|our) (?:final )?decision is\b"
    r"|\b(?:let us|we will|we are going to|we shall|we should) (?:go|stick|proceed) with\b"
    r"|\bwe (?:will|are going to|shall) (?!see|be|have|need|talk|discuss|come|meet|find|get back)"
    r"(?:not )?[a-z]+ "
    r"|\bthe plan is to\b"
    r"|\bdecision[:,] "
)
_UNDECIDED = re.compile(
    r"\b(?:not (?:yet )?(?:agreed|decided|settled)|have not|has not|did not|if we|whether|"
    r"unless we|should we|until we|before we (?:decide|agree)|we agree that we)\b"
)
_IDLE_QUESTION = re.compile(
    r"^(?:so |and |okay |well )*(?:how are you|how is everyone|how is it going|can you hear|"
    r"(?:does|did) (?:that|this|it) make sense|any (?:other )?questions|anything else|ready|"
    r"are you (?:there|ready)|is everyone (?:here|ready)|can everyone|shall we (?:start|begin|go)|"
    r"you know|right|what|really|pardon|sorry|can (?:i|we) (?:start|move)|do you mean|"
    r"what do you (?:think|mean)|makes sense|is that (?:okay|ok|clear|right|correct)|good|okay)\b"
)
_REQUEST = re.compile(r"^(?:so |and |okay |please |[a-z]+,? )*(?:can|could|would|will) you\b")
_EVADES = re.compile(
    r"\b(?:do not know|not sure|no idea|good question|let me check|have to check|need to check|"
    r"will check|find out|look into|get back|come back to|not yet|unclear|open|later|next time|"
    r"have to (?:ask|see)|need to (?:ask|see)|depends|we will see|to be decided|not decided|"
    r"nobody knows|wonder)\b"
)
_REPLY_WITHIN_MS = 15_000
_MIN_WORDS = 4


def decisions(sentences: list[Sentence]) -> tuple[Statement, ...]:
    """What was agreed or decided, in the speakers' words."""
    found: dict[str, Statement] = {}
    for sentence in sentences:
        if (
            not sentence.question
            and _DECIDED.search(sentence.plain)
            and not _UNDECIDED.search(sentence.plain)
        ):
            found.setdefault(
                sentence.plain, Statement(text=sentence.text, segment_ids=(sentence.segment_id,))
            )
    return tuple(found.values())


def open_questions(sentences: list[Sentence]) -> tuple[Statement, ...]:
    """Questions that nobody answered, or to which the answer was that it is not known yet."""
    found = []
    for index, sentence in enumerate(sentences):
        if not _asks_something(sentence):
            continue
        reply = _reply(sentences, index)
        if reply is None or _EVADES.search(reply.plain):
            cited = [sentence.segment_id] + ([reply.segment_id] if reply else [])
            found.append(Statement(text=sentence.text, segment_ids=tuple(dict.fromkeys(cited))))
    return tuple(found)


def _asks_something(sentence: Sentence) -> bool:
    return (
        sentence.question
        and len(sentence.plain.split()) >= _MIN_WORDS
        and not _IDLE_QUESTION.match(sentence.plain)
        and not _REQUEST.match(sentence.plain)
    )


def _reply(sentences: list[Sentence], index: int) -> Sentence | None:
    """The next sentence of somebody else that comes soon and is no question itself."""
    question = sentences[index]
    for later in sentences[index + 1 :]:
        if later.start_ms - question.end_ms > _REPLY_WITHIN_MS:
            return None
        if later.identity != question.identity:
            return None if later.question else later
    return None
