"""What a question is about: whose words, which words, and what kind of thing. Pure rules."""

import re
from dataclasses import dataclass
from enum import Enum, auto

from parley.answers.stems import stems_of
from parley.summary.extractive.names import Names
from parley.summary.extractive.sentences import plain_form


class About(Enum):
    """The kind of thing that is asked for."""

    SAID = auto()
    """What was said about something, or by somebody."""
    TASKS = auto()
    DECISIONS = auto()
    OPEN_QUESTIONS = auto()
    TIME = auto()
    NUMBER = auto()
    PEOPLE = auto()
    """Who is here."""
    ALL = auto()
    """What it was all about."""
    OWNER = auto()
    """Who does something."""
    FACT = auto()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question taken apart.

    Attributes:
        about: the kind of thing.
        speakers: identities of those whose words are asked for; empty means anybody's.
        words: stems of the words that say what about.
    """

    about: About
    speakers: frozenset[str]
    words: tuple[str, ...]


_TASKS = re.compile(
    r"\b(?:action items?|tasks?|to-?dos?|homework|next steps?|assignments?|commitments?)\b"
    r"|\bpromis(?:e|es|ed)\b|\bcommit(?:ted)? to\b|\bvolunteer(?:ed)?\b|\btake on\b|\btook on\b"
    r"|\bwho (?:does|has to do|is doing|is to do|will do|took|takes) what\b"
    r"|\b(?:will|should|must|do|does|am|is|are|to) (?:\w+ )?(?:going to do|have to do|to do|"
    r"do next|supposed to do)\b|\bwhat (?:will|should|must) \w+ do\b"
)
_DECISIONS = re.compile(
    r"\b(?:decisions?|decide|decided|agree(?:d)? (?:on|to|about)?|(?:did|have|what) we agree(?:d)?|"
    r"settle(?:d)?(?: on)?|conclusions?|was agreed)\b"
)
_OPEN = re.compile(r"\b(?:open|unanswered|unresolved) (?:questions?|points?|issues?|topics?)\b")
_PEOPLE = re.compile(
    r"^who(?: else)? (?:is|are|was) (?:here|in (?:the|this) (?:room|meeting|call)|"
    r"on (?:the|this) call|there|present|attending)\b|\bwho (?:is|are) in the room\b"
)
_OWNER = re.compile(
    r"^who(?: else)? (?:will|shall|should|must|can|is going to|is to|has to|needs to|wants to|"
    r"promised to|agreed to|offered to|is responsible|is in charge|takes|handles|owns|does)\b"
)
_ALL = re.compile(
    r"\b(?:summari[sz]e|summary|recap|sum up|catch me up|main points?|key points?|"
    r"what (?:did|have) (?:i|we) miss(?:ed)?|"
    r"what (?:is|was) (?:this|the) (?:meeting|call|discussion) about|"
    r"what (?:have|did|are) we (?:been )?(?:talk|talked|talking|discuss|discussed|discussing)"
    r"(?: about)?(?: so far| today)?$|what (?:happened|has happened)(?: so far)?$)"
)
_TIME = re.compile(r"\b(?:when|what time|which day|what day|how soon|deadline|due|until when)\b")
_NUMBER = re.compile(
    r"\bhow (?:much|many|long|often|big|expensive|far)\b|\bwhat (?:price|amount)\b"
)
_SAID = re.compile(
    r"\b(?:say|says|said|saying|mention(?:s|ed)?|talk(?:s|ed)? about|tell|told|spoke|speak|think|"
    r"thinks|thought|suggest(?:s|ed)?|propose(?:s|d)?|claim(?:s|ed)?|ask(?:s|ed)? (?:for|about)|"
    r"explain(?:s|ed)?|report(?:s|ed)?|opinion|recommend(?:s|ed)?)\b"
)
_HIS_OWN = re.compile(r"\b(?:i|me|my|mine|myself)\b")
# Words of questions that say nothing about their subject.
_EMPTY = frozenset(
    stems_of(
        "who whom whose what when where why which how is are was were be been do does did done has "
        "have had can could will would shall should must may might going say says said mention "
        "mentioned talk talked tell told speak spoke think thought know knows remember recall "
        "suggest suggested promise promised agree agreed decide decided decision decisions task "
        "tasks action item items todo commit committed volunteer take took anybody anyone somebody "
        "someone everybody everyone nobody person people time day deadline due much many long "
        "often about there here it this that these those me my i we us our you your he she they "
        "them his her their please next step steps supposed far now already yet still meeting "
        "room call today point points thing things something anything everything question "
        "questions open unanswered ever again exactly opinion happen happened need so let wants "
        "want to ask asked asks the a an and or but if of to in on at for with from by as into "
        "over under than then no not all any some both each other another own same too very just "
        "also only more most please okay so well hey hello"
    )
)
_LEADS = re.compile(
    r"^(?:(?:please|can you|could you|would you|will you|do you know|does anybody know|"
    r"does anyone know|tell me|tell us|remind me|remind us|say|i want to know|"
    r"i would like to know|do we know|i wonder|do you remember)(?: again)?\s+)+"
)


def read_question(text: str, names: Names, asker: str) -> Asked:
    """Take a question apart.

    Args:
        text: its words.
        names: how the participants are called.
        asker: who asks: "I" and "my" are theirs.
    """
    plain = _LEADS.sub("", plain_form(text))
    name = re.compile(rf"\b(?:{names.pattern})\b(?:'s)?")
    named = [m.group().removesuffix("'s") for m in name.finditer(plain)]
    words = tuple(
        dict.fromkeys(s for s in stems_of(name.sub(" ", plain)) if s not in _EMPTY and len(s) > 1)
    )
    about = _kind(plain)
    speakers = frozenset(names.identity(one) for one in named)
    if about is About.TASKS and not named and asker and _HIS_OWN.search(plain):
        speakers = frozenset({asker})
    if about in (About.TIME, About.NUMBER, About.OWNER, About.FACT) and named and words:
        # "When will Anna send the report?" may have been said by Anna or of her.
        speakers = frozenset()
    if about is About.SAID and re.match(r"^(?:who|did (?:anybody|anyone|somebody))\b", plain):
        speakers = frozenset()
        words += tuple(stem for one in named for stem in stems_of(one))
    return Asked(about, speakers, words)


def _kind(plain: str) -> About:
    if _PEOPLE.search(plain):
        return About.PEOPLE
    if _OPEN.search(plain):
        return About.OPEN_QUESTIONS
    if _ALL.search(plain):
        return About.ALL
    if _OWNER.search(plain) and not re.search(r" what$", plain):
        return About.OWNER
    if _TASKS.search(plain):
        return About.TASKS
    if _DECISIONS.search(plain):
        return About.DECISIONS
    if _TIME.search(plain):
        return About.TIME
    if _NUMBER.search(plain):
        return About.NUMBER
    return About.SAID if _SAID.search(plain) else About.FACT
