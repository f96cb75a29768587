"""What people say when they take on, ask for, accept or decline work; over plain sentences.

`{name}` stands for the participants' names. Each pattern's group `do` is the work in the speaker's
words, `who` the name of the one who is to do it.
"""

import re
from dataclasses import dataclass

from parley.summary.extractive.names import Names

# Verbs after "I will", "I need to" … that promise nothing.
_IDLE = (
    "be|see|think|know|say|admit|agree|guess|hope|like|love|believe|understand|remember|hear|feel|"
    "wonder|leave|go|jump|drop|hop|run|head|step|mute|unmute|repeat|argue|miss|never|always|"
    "probably|also|not|just"
)
_NOT_IDLE = rf"(?!(?:{_IDLE})\b(?! (?:through|over|ahead)\b))"
_LEAD = (
    r"(?:also |then |just |probably |definitely |personally |gladly |happily |quickly |try to )*"
)
_DO = rf"(?P<do>{_NOT_IDLE}[a-z]+(?: .+)?)"
_ASK = r"(?:can|could|would|will)"
_POLITE = r"(?:please |maybe |perhaps |kindly |also |then )*"
_MUST = (
    r"(?:will|should|must|shall|needs to|need to|has to|have to|is going to|is to|ought to|"
    r"is supposed to|was asked to|promised to|agreed to|offered to|volunteered to|wants to)"
)
_OPENING = (
    r"(?:(?:so|and|but|okay|ok|well|yes|yeah|sure|right|then|now|great|alright|oh|fine)[, ]+)*"
)
# After a bare name, only a verb that asks for work makes it a request.
_IMPERATIVE = (
    "send|write|prepare|check|review|fix|update|call|book|order|ask|finish|schedule|draft|share|"
    "test|create|make|set|talk|look|add|remove|move|organize|organise|contact|email|follow|take|"
    "bring|plan|file|open|close|merge|deploy|measure|compare|collect|document|invite|arrange|"
    "handle|confirm|get|find|clean|print|publish|post|upload|move|ping|remind|cancel|renew|sign"
)


@dataclass(frozen=True)
class Patterns:
    """The compiled patterns of one meeting."""

    promises: tuple[re.Pattern[str], ...]
    requests: tuple[re.Pattern[str], ...]
    asks_somebody: re.Pattern[str]
    asks_all: re.Pattern[str]
    accepts: re.Pattern[str]
    declines: re.Pattern[str]
    points_back: re.Pattern[str]
    joint: re.Pattern[str]


def patterns_for(names: Names) -> Patterns:
    """The patterns for a meeting of these people."""
    name = rf"(?P<who>{names.pattern})"
    i_do = (
        rf"i (?:will|shall|must|need to|have to|have got to|got to|should|am going to|promise to|"
        rf"plan to|want to|intend to|am about to) {_LEAD}{_DO}"
    )
    return Patterns(
        promises=(
            re.compile(rf"(?:^|[,;] |\b(?:and|so|but|then|yes|okay|sure|that|because) ){i_do}"),
            re.compile(
                rf"\bi (?:can|could|am happy to|would be happy to|am glad to|would be glad to) "
                rf"{_LEAD}(?P<do>(?:do|take|send|write|prepare|check|review|fix|update|handle|look "
                rf"into|call|book|order|ask|finish|cover|own|draft|share|test|organi[sz]e|set up|"
                rf"help|create|make|talk to|reach out|follow up|drive|present|run|host)\b.*)"
            ),
            re.compile(
                rf"(?:^|[,;] )(?:{_OPENING})let me (?!know|see|think|summari[sz]e|recap|check|"
                rf"say|guess|start|repeat|finish|explain|introduce|show|share my)(?P<do>[a-z]+ .+)"
            ),
            re.compile(r"\bi am responsible for (?P<do>.+)"),
        ),
        requests=(
            re.compile(rf"^{_OPENING}{name},? {_ASK} you,? {_POLITE}{_DO}"),
            re.compile(rf"^{_OPENING}{name},? {_POLITE}i (?:need|want|would like) you to {_DO}"),
            re.compile(rf"^{_OPENING}{name},? please,? {_DO}"),
            re.compile(rf"^{_OPENING}please,? {name},? {_DO}"),
            re.compile(rf"^{_OPENING}{name}, {_POLITE}(?P<do>(?:{_IMPERATIVE})\b .+)"),
            re.compile(
                rf"^{_OPENING}{name},? (?:you (?:should|need to|have to|must|will|are going to)|"
                rf"it would be (?:great|good|nice|helpful) if you (?:could|would)|"
                rf"would you mind|make sure (?:to|you|that you)) {_POLITE}{_DO}"
            ),
            re.compile(rf"\b{_ASK} you,? {name},? {_POLITE}{_DO}"),
            re.compile(
                rf"\b{_ASK} you,? {_POLITE}(?P<do>{_NOT_IDLE}[a-z]+ .+?),? (?:please,? )?{name}$"
            ),
            re.compile(rf"^{_OPENING}please (?P<do>{_NOT_IDLE}[a-z]+ .+?), {name}$"),
            re.compile(rf"^{_OPENING}{_ASK} {name} {_POLITE}{_DO}"),
            re.compile(
                rf"\b(?:i|we) (?:need|want|would like|asked|ask|told|expect) {name} to {_DO}"
            ),
            re.compile(
                rf"(?:^|[,;] |\b(?:and|so|then|but|maybe|perhaps|i think|think that) )"
                rf"{name},? {_MUST} {_LEAD}{_DO}"
            ),
            re.compile(rf"(?:^|[,;] |\band ){name} (?:takes|owns|handles) (?P<do>.+)"),
            re.compile(rf"\b{name} is (?:responsible for|in charge of) (?P<do>.+)"),
            re.compile(rf"^{_OPENING}let {name} {_DO}"),
        ),
        asks_somebody=re.compile(
            rf"^{_OPENING}(?:(?:please )?{_ASK} you,?|please,?) {_POLITE}{_DO}"
        ),
        asks_all=re.compile(
            rf"^{_OPENING}(?:{_ASK} (?:(?:some|any)(?:body|one)|one of (?:you|us)) {_POLITE}|"
            rf"(?:who|who else) (?:can|could|will|wants to|is going to|would) ){_DO}"
        ),
        accepts=re.compile(
            rf"^{_OPENING}(?:yes|yeah|yep|sure|okay|ok|of course|absolutely|certainly|no problem|"
            rf"will do|consider it done|i (?:can|will) (?:do|take|handle)|i am on it|on it|"
            rf"happy to|gladly|my pleasure|i will|i can|agreed|done|got it)\b"
        ),
        declines=re.compile(
            r"\b(?:no,? sorry|sorry,? (?:no|but)|i (?:can|will|could) not|i am not able|not me|"
            r"i am afraid|i do not have (?:the )?time|"
            r"i am (?:too busy|on vacation|on holiday|away))\b"
        ),
        points_back=re.compile(
            r"^(?:do|take|handle|own|take care of|look into|get|cover|finish|manage|make)"
            r"(?: (?:it|that|this|those|them|so|one|both|care of (?:it|that|this)))+\b"
            r"(?: one| too| as well| then| myself)?"
        ),
        joint=re.compile(
            rf"(?:^|[,;] |\b(?:and|so|but|then|think|that) )(?:we (?:need to|should|have to|must|"
            rf"ought to|still have to)|let us|somebody (?:should|needs to|has to|must)|"
            rf"someone (?:should|needs to|has to|must)) {_LEAD}{_DO}"
        ),
    )
