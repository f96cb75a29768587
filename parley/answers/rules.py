"""What kind of thing was said to the assistant, or to everybody: cheap rules over plain English.

They work on `plain_form`: lower case, contractions written out, no final punctuation. What they
can't tell apart is `PERHAPS`, which a model may decide.
"""

import re
from enum import Enum


class Kind(Enum):
    """What a sentence wants of the assistant."""

    QUESTION = "question"
    PERHAPS = "perhaps"
    STOP = "stop"
    """Be silent."""
    CALL = "call"
    """Its name alone: the question follows."""
    NOTHING = "nothing"


_OPENING = re.compile(
    r"^(?:(?:so|and|but|okay|ok|well|then|now|alright|right|yes|yeah|oh|please|maybe|actually|also|"
    r"again|by the way|one (?:more )?question|(?:i have )?a question|quick question|my question is|"
    r"the question is)[, ]+)+"
)
_STOP = re.compile(
    r"^(?:please )?(?:stop(?: talking| it| now| that)?|be quiet|quiet|shut up|silence|"
    r"cancel(?: that)?|never mind|forget it|(?:that is |okay that is )?enough)"
    r"(?: please| now| thank you| thanks)?$"
)
_CALL = re.compile(
    r"^(?:i have (?:a|another|one more) question(?: for you)?|(?:one|a|another|quick) (?:more )?"
    r"question|are you (?:there|here|listening|awake)|can you hear (?:me|us)|listen)?$"
)
_THANKS = re.compile(
    r"^(?:thank you|thanks|good|great|nice|well done|perfect|okay|ok|yes|no|hello|hi|bye|goodbye|"
    r"welcome|sorry|very|that is|good (?:morning|afternoon|evening|night))\b"
)
_REACTS = re.compile(
    r"^(?:no|not|wait|stop|sorry|hold on|never|forget|i|you|we|let|okay|ok|right|yes|yeah|ah|oh|"
    r"hm+|really|what|excuse me|one moment|just a|hang on|quiet|please)\b"
)
_TELL = re.compile(
    r"^(?:(?:please|just|can you|could you|will you|would you|i want you to|i would like you to|"
    r"do you want to)\s+)*"
    r"(?:tell|remind|give|show|read|list|repeat|summari[sz]e|recap|sum up|explain|find|answer|say|"
    r"name|check|look up|help)\b"
)
_WANTS_TO_KNOW = re.compile(
    r"^(?:i|we) (?:would like to know|want to know|need to know|forgot|have forgotten|missed|"
    r"wonder|am wondering|are wondering|do not (?:know|remember))\b"
)
_WH = r"(?:who|whom|whose|what|when|where|why|which|how)"
_AUX = (
    r"(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|shall|must|may|might|"
    r"am)"
)
_SUBJECT = (
    r"(?:i|we|he|she|it|they|there|that|this|these|those|anybody|anyone|somebody|someone|everybody|"
    r"everyone|nobody|anything|something|any|all|both)"
)
_ARTICLE = r"(?:the|a|an|our|my|your|his|her|their|its|no|some|every|each)"
_WH_ASKS = re.compile(
    rf"^(?:(?:for|to|by|until|since|from|at|in|with|about|on) )?(?:"
    rf"(?:who|whose|which) (?!i\b|we\b|you\b|he\b|she\b|they\b|is this$)\w+"
    rf"|{_WH} (?:else |exactly |again )?{_AUX}\b"
    rf"|how (?:many|much|long|often|far|big|soon|old|late|expensive)\b"
    rf"|what (?:about|if)\b (?!i\b)"
    rf"|(?:what|which|whose) (?:\w+ ){{1,3}}?{_AUX}\b"
    rf")"
)
_WH_STATES = re.compile(
    rf"^(?:what|whatever|whenever|how|why|where) "
    rf"(?:i|we|you|he|she|it|they|really|matters|counts)\b"
    rf"|^(?:when|where|why|what) (?!{_AUX}\b)(?:the|our|my|a|this|that)\b"
)
_KNOWS = re.compile(
    r"^(?:does|do|did|can|could) (?:anybody|anyone|somebody|someone|everybody|we|they)"
    r"(?: still| here| else)? (?:know|remember|recall|tell|say|have|mention|hear)\b"
    r"|^do (?:you|i) (?:know|remember|recall)\b|^any idea (?:who|what|when|where|why|how|if)\b"
)
_AUX_SURE = re.compile(rf"^{_AUX} (?:not )?(?:{_SUBJECT})\b")
_AUX_YOU = re.compile(rf"^{_AUX} (?:not )?you\b")
_AUX_NOUN = re.compile(rf"^{_AUX} {_ARTICLE}\b")
_AUX_STATES = re.compile(r"^(?:is|was|has|had|did|does) ")
_PREDICATE = re.compile(
    r"\b(?:ready|done|late|open|closed|clear|finished|over|due|here|there|online|down|sure|"
    r"possible|true|right|correct|safe|free|full|empty|missing|blocked|\w{3,}ed)"
    r"(?: (?:yet|now|already|again|today|tomorrow|on \w+|by \w+|for \w+))*$"
)
# Asked, but not to be answered from what was said.
_IDLE = re.compile(
    r"^(?:how (?:are|is) (?:you|everyone|everybody|it going|things|your)|how do you do|what is up|"
    r"how (?:about|come)\b|what about (?:you|lunch|coffee|a break)|who knows$|"
    r"what (?:else|now|then)$|"
    r"(?:what|which) (?:do|did|would|can|could|will|should|are|have) you|"
    r"(?:when|where|why|how|who) (?:do|did|would|can|could|will|should|are|were|have) you|"
    r"is (?:it|that|this|everyone|everybody|there) (?:okay|ok|clear|right|correct|here|ready|fine|"
    r"good|loud|better|working|so|true|anything else|any other|a question)|"
    r"(?:are there )?any (?:other |more )?questions|"
    r"anything else|can (?:everyone|everybody|anyone|anybody) (?:hear|see)|"
    r"(?:can|could|may|shall|should|must) (?:i|we)\b|"
    r"does (?:that|this|it) (?:make|work|sound|help)|"
    r"(?:do|have|has|had|will|would|could|can|should|shall|may|might) (?:we|i) |are we|am i|"
    r"who is (?:there|this|that|next)$|what time is it|what is (?:this|that|it)$|what is next$|"
    r"can (?:somebody|someone|anybody|anyone)|"
    r"(?:will|would|could|can|may|might|must|have|has|do|does|shall|should) "
    r"(?:be|do|not|see|have|to|a|come|go|make|take|call)\b)"
)
_WE_KNOW = re.compile(
    r"^(?:do|did|have|had|are|were|will) we\b(?! (?:need|want|have to|start|go)\b)"
)
_LEAST_WORDS = 3
_NOBODY = "(?!)"


def asked_of_assistant(
    rest: str, *, surely: bool, marked: bool = False, called: str = _NOBODY
) -> Kind:
    """What was wanted of the assistant, which was called by name.

    Args:
        rest: the words without the name, in plain form.
        surely: whether it was certainly spoken to.
        marked: whether the sentence had a question mark.
        called: a regular expression that matches the participants' names.
    """
    rest = _OPENING.sub("", rest).strip(" ,")
    if _CALL.match(rest):
        return Kind.CALL
    if _STOP.match(rest):
        return Kind.STOP
    if _THANKS.match(rest) and not marked:
        return Kind.NOTHING
    if len(rest.split()) < 2:
        return Kind.NOTHING
    if _WH_STATES.match(rest) and not marked:
        return Kind.PERHAPS
    if marked or re.match(rf"^(?:(?:at|for|to|by|since|in|on) )?{_WH}\b", rest):
        return Kind.QUESTION
    if _TELL.match(rest) or _WANTS_TO_KNOW.match(rest) or _KNOWS.match(rest):
        return Kind.QUESTION
    if _AUX_SURE.match(rest) or _AUX_YOU.match(rest):
        return Kind.QUESTION
    if re.match(rf"^{_AUX} (?:{called})\b", rest):
        return Kind.QUESTION
    if re.match(rf"^{_AUX}\b", rest):
        # "parley is the report ready" or "parley is the best tool": only words after tell.
        noun = _AUX_NOUN.match(rest)
        states = not noun or (_AUX_STATES.match(rest) and not _PREDICATE.search(rest))
        return Kind.PERHAPS if states and not surely else Kind.QUESTION
    return Kind.PERHAPS if surely else Kind.NOTHING


def goes_on(plain: str) -> bool:
    """Whether words right after a question can be its second part, rather than a reaction."""
    return bool(plain) and not (_REACTS.match(plain) or _THANKS.match(plain) or _STOP.match(plain))


def asked_of_all(plain: str, *, marked: bool = False, called: str = _NOBODY) -> Kind:
    """What was wanted by a sentence without the assistant's name, in a room that answers any.

    Args:
        plain: the sentence in plain form.
        marked: whether it had a question mark.
        called: a regular expression that matches the participants' names; a question to one of
            them is theirs.
    """
    if len(plain.split()) < _LEAST_WORDS:
        return Kind.NOTHING
    plain = _OPENING.sub("", plain).strip(" ,")
    if re.match(rf"^(?:{called})\b(?!['’])|^(?:can|could|would) (?:{called})\b", plain):
        return Kind.NOTHING
    if re.search(rf",? (?:{called})$", plain) and not re.match(
        rf"^{_WH} (?:is|was|did|does|do|has)\b(?! you\b)", plain
    ):
        return Kind.NOTHING  # the name at the end is whom it is for
    if _KNOWS.match(plain):
        return Kind.QUESTION
    if _WANTS_TO_KNOW.match(plain):
        return Kind.PERHAPS if re.search(rf"\b{_WH}\b|\bif\b|\bwhether\b", plain) else Kind.NOTHING
    if _IDLE.match(plain) and not (_WE_KNOW.match(plain) and len(plain.split()) > _LEAST_WORDS):
        return Kind.NOTHING
    if _AUX_YOU.match(plain) or re.match(r"^(?:please|let us|let me)\b", plain):
        return Kind.NOTHING
    if _WH_STATES.match(plain):
        return Kind.PERHAPS if marked else Kind.NOTHING
    if _WH_ASKS.match(plain) or marked:
        return Kind.QUESTION
    if _AUX_SURE.match(plain):
        return Kind.QUESTION
    if _AUX_NOUN.match(plain) or re.match(rf"^{_AUX} (?:{called})\b", plain):
        return Kind.QUESTION
    return Kind.NOTHING
