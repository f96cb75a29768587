"""Action items: who took on or was given what, until when, and where it was said."""

import re
from dataclasses import dataclass, field, replace

from parley.domain.summary import ParticipantAction, ParticipantActions
from parley.summary.extractive.casing import recased
from parley.summary.extractive.deadlines import deadline_in, without_deadline
from parley.summary.extractive.names import Names
from parley.summary.extractive.patterns import Patterns, patterns_for
from parley.summary.extractive.sentences import Sentence

_REPLY_WITHIN_MS = 30_000
_REPLY_SENTENCES = 4
_MUST = "(?:will|shall|must|should|can|could|needs? to|have to|has to|am going to|is going to)"
_CLAUSES = (
    rf"(?:,? (?:and|but|so|then|while)|;) (?=(?:i|we|you|{{names}}) {_MUST}\b)"
    rf"|, (?=(?:i|we|{{names}}) {_MUST}\b)"
)
_PRONOUN = re.compile(r"(?P<verb>\w+)(?: \w+)? (?:him|her|them|it|that|this)\b")
_TAIL = re.compile(
    r"(?:,? (?:please|okay|ok|right|thanks|thank you|yeah|too|as well|i think|if that is okay))+$"
)
_HYPOTHETICAL = re.compile(r"^(?:if|unless|when|had|suppose)\b")
_MIN_WORDS = 2


@dataclass(frozen=True)
class _Item:
    """An action item as it grows over several sentences."""

    identity: str
    do: str
    due: str | None
    segment_ids: tuple[str, ...]
    order: int

    @property
    def key(self) -> frozenset[str]:
        """The words that make two items the same."""
        return frozenset(re.findall(r"[a-z0-9]+", without_deadline(self.do))) - _COMMON


_COMMON = frozenset(
    re.findall(r"\w+", "the a an to of and for with in on at it that this my our your please")
)


@dataclass
class _Open:
    """A request that waits for somebody's answer."""

    sentence: Sentence
    do: str
    who: str | None  # the one asked; None: whoever accepts
    item: int | None = None  # index of the item it has become
    seen: int = 0


@dataclass
class _Reader:
    """Reads the sentences in order and keeps what was said before in mind."""

    names: Names
    patterns: Patterns
    people: frozenset[str]
    items: list[_Item | None] = field(default_factory=list)
    waiting: list[_Open] = field(default_factory=list)

    def read(self, sentence: Sentence) -> None:
        """Take one sentence in."""
        self.waiting = [
            w
            for w in self.waiting
            if w.seen < _REPLY_SENTENCES
            and sentence.start_ms - w.sentence.end_ms < _REPLY_WITHIN_MS
        ]
        if self._declines(sentence):
            return
        accepted = self._accepts(sentence)
        clauses = _clauses(sentence.plain, self.names)
        for clause in clauses:
            if not accepted or self._says_what(clause):
                self._read_clause(sentence, clause)
        for request in self.waiting:
            request.seen += 1

    def _read_clause(self, sentence: Sentence, clause: str) -> None:
        if _HYPOTHETICAL.match(clause):
            return
        if self._request(sentence, clause):
            return
        if sentence.question or self.patterns.asks_somebody.match(clause):
            self._open_question(sentence, clause)
            return
        for pattern in self.patterns.promises:
            if found := pattern.search(clause):
                self._promise(sentence, found["do"])
                return
        if found := self.patterns.joint.search(clause):
            self.waiting.append(_Open(sentence, found["do"], None))

    def _request(self, sentence: Sentence, clause: str) -> bool:
        for pattern in self.patterns.requests:
            found = pattern.search(clause)
            if not found:
                continue
            who = self.names.identity(found["who"])
            if who == sentence.identity or not _says_work(found["do"]):
                return False
            index = self._add(who, found["do"], sentence)
            self.waiting.append(_Open(sentence, found["do"], who, index))
            return True
        return False

    def _open_question(self, sentence: Sentence, clause: str) -> None:
        others = self.people - {sentence.identity}
        if found := self.patterns.asks_somebody.match(clause):
            if not _says_work(found["do"]):
                return
            who = next(iter(others)) if len(others) == 1 else None
            index = self._add(who, found["do"], sentence) if who else None
            self.waiting.append(_Open(sentence, found["do"], who, index))
        elif found := self.patterns.asks_all.match(clause):
            self.waiting.append(_Open(sentence, found["do"], None))

    def _promise(self, sentence: Sentence, do: str) -> None:
        if self.patterns.points_back.match(do):
            return
        if pronoun := _PRONOUN.match(do):  # "Call the bank." "I will call them today."
            for request in self.waiting:
                asked = request.who == sentence.identity != request.sentence.identity
                if asked and request.do.split()[0] == pronoun["verb"]:
                    self._take(request, sentence)
                    return
        self._add(sentence.identity, do, sentence)

    def _accepts(self, sentence: Sentence) -> bool:
        """Whether the sentence accepts a request of before; that one then is the speaker's."""
        says_yes = self.patterns.accepts.match(sentence.plain) is not None
        points_back = any(
            (found := pattern.search(sentence.plain))
            and self.patterns.points_back.match(found["do"])
            for pattern in self.patterns.promises
        )
        if sentence.question or not (says_yes or points_back):
            return False
        for request in reversed(self.waiting):
            if request.sentence.identity == sentence.identity:
                continue
            if request.who not in (None, sentence.identity):
                continue
            if request.who is None and not (
                points_back
                or "i will" in sentence.plain
                or self.patterns.asks_somebody.match(request.sentence.plain)
            ):
                continue
            self.waiting.remove(request)
            if request.who is None and not points_back and self._says_what(sentence.plain):
                return False  # "Who tells them?" "I will write an email.": that is the work
            self._take(request, sentence)
            return True
        return False

    def _take(self, request: _Open, sentence: Sentence) -> None:
        due = deadline_in(sentence.plain)
        if request.item is None:
            index = self._add(sentence.identity, request.do, request.sentence)
        else:
            index = request.item
        item = self.items[index]
        if item is not None:
            cited = dict.fromkeys((*item.segment_ids, sentence.segment_id))
            self.items[index] = replace(item, due=item.due or due, segment_ids=tuple(cited))

    def _declines(self, sentence: Sentence) -> bool:
        if not self.patterns.declines.search(sentence.plain):
            return False
        for request in reversed(self.waiting):
            if request.sentence.identity != sentence.identity and request.who in (
                None,
                sentence.identity,
            ):
                if request.item is not None:
                    self.items[request.item] = None
                request.who = request.item = None  # somebody else may take it
                request.seen = 0
                return True
        return False

    def _says_what(self, clause: str) -> bool:
        """Whether a sentence that accepts also names work of its own."""
        return any(
            (found := pattern.search(clause)) is not None
            and not self.patterns.points_back.match(found["do"])
            for pattern in (*self.patterns.promises, *self.patterns.requests)
        )

    def _add(self, identity: str, do: str, sentence: Sentence) -> int:
        item = _Item(
            identity=identity,
            do=_TAIL.sub("", do.strip(" ,")),
            due=deadline_in(do) or deadline_in(sentence.plain),
            segment_ids=(sentence.segment_id,),
            order=len(self.items),
        )
        for index, known in enumerate(self.items):
            if known and known.identity == identity and _same(known, item):
                cited = dict.fromkeys((*known.segment_ids, *item.segment_ids))
                longer = known if len(known.do) >= len(item.do) else item
                self.items[index] = replace(
                    known, do=longer.do, due=item.due or known.due, segment_ids=tuple(cited)
                )
                return index
        self.items.append(item)
        return len(self.items) - 1


def action_items(
    sentences: list[Sentence], names: Names, people: frozenset[str]
) -> tuple[ParticipantActions, ...]:
    """The action items of a meeting, by participant.

    Args:
        sentences: in order.
        names: how the participants are called.
        people: the identities of all of them.
    """
    spoken: dict[str, str] = {}
    for sentence in sentences:
        spoken[sentence.segment_id] = f"{spoken.get(sentence.segment_id, '')} {sentence.text}"
    reader = _Reader(names, patterns_for(names), people)
    for sentence in sentences:
        reader.read(sentence)
    kept = [i for i in reader.items if i is not None and len(i.key) >= 1 and _says_work(i.do)]
    return tuple(
        ParticipantActions(
            participant_identity=identity,
            participant_actions=tuple(
                ParticipantAction(
                    text=_first_up(recased(i.do, spoken[i.segment_ids[0]])),
                    due=recased(i.due, " ".join(spoken[s] for s in i.segment_ids))
                    if i.due
                    else None,
                    segment_ids=i.segment_ids,
                )
                for i in kept
                if i.identity == identity
            ),
        )
        for identity in dict.fromkeys(i.identity for i in kept)
    )


def _clauses(plain: str, names: Names) -> list[str]:
    """A sentence cut before each new subject: "I will call and Bob will write" are two."""
    return re.split(_CLAUSES.replace("{names}", names.pattern), plain)


def _says_work(do: str) -> bool:
    words = do.split()
    return len(words) >= _MIN_WORDS and not re.match(
        r"(?:hear|see|repeat|imagine|believe|say that|speak up|tell me more|explain|elaborate|"
        r"share your screen|have any|come back to)\b",
        do,
    )


def _same(one: _Item, other: _Item) -> bool:
    if not one.key or not other.key:
        return False
    shared = len(one.key & other.key)
    return shared / min(len(one.key), len(other.key)) >= 0.75 and shared >= 2


def _first_up(text: str) -> str:
    return text[:1].upper() + text[1:]
