"""Deadlines in the speaker's words: "by Friday", "before the next meeting", "in two weeks"."""

import re

_DAY = "(?:mon|tues|wednes|thurs|fri|satur|sun)day"
_MONTH = "(?:january|february|march|april|may|june|july|august|september|october|november|december)"
_NUMBER = (
    r"(?:\d+|a|an|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|a couple of|"
    "a few|half an)"
)
_ORDINAL = r"(?:\d{1,2}(?:st|nd|rd|th)?|[a-z]+(?:first|second|third|th)(?: [a-z]+)?)"
_UNIT = "(?:minutes?|hours?|days?|weeks?|months?)"
_PART = "(?:morning|noon|lunch|lunchtime|afternoon|evening|night|tonight)"
_CLOCK = (
    r"(?:\d{1,2}(?::\d\d)?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
    r"(?: ?(?:am|pm|a\.m|p\.m|o'clock)| thirty| fifteen| forty-five)?"
)
_DATE = rf"(?:the )?(?:{_MONTH} (?:the )?{_ORDINAL}|{_ORDINAL} (?:of )?{_MONTH})"
_WHEN = (
    rf"(?:(?:this|next|coming|the coming) )?{_DAY}(?: {_PART})?(?: at {_CLOCK})?"
    rf"|tomorrow(?: {_PART})?(?: at {_CLOCK})?|today|tonight|{_PART}|now|then"
    r"|(?:this|next|the next|the following|the coming) (?:week|month|quarter|year|sprint|weekend)"
    rf"|this {_PART}"
    r"|(?:the )?(?:end|middle|beginning|start) of (?:the |this |next )?"
    rf"(?:day|week|month|quarter|year|sprint|business|{_MONTH}|{_DAY})"
    rf"|{_DATE}|{_MONTH}|the {_ORDINAL}"
)
_EVENT = (
    r"(?:the |our |your |next |this )*"
    r"(?:meeting|release|launch|call|demo|review|deadline|presentation|sprint|weekend|standup|"
    r"stand-up|holidays?|conference|kickoff|kick-off|workshop|interview|board meeting|go-live)"
)
_DEADLINE = re.compile(
    rf"\b(?:(?:by|before|until|till|no later than|not later than|due) (?:{_WHEN}|{_EVENT}|{_CLOCK})"
    rf"|(?:by|in|at|towards?) (?:the )?(?:end|beginning) of (?:the |this |next )?\w+"
    rf"|on (?:{_DAY}(?: {_PART})?|{_DATE}|the {_ORDINAL})(?: at {_CLOCK})?"
    rf"|(?:within|in) (?:the next )?{_NUMBER} {_UNIT}"
    rf"|in time for {_EVENT}"
    rf"|right after {_EVENT}|after {_EVENT}"
    rf"|this {_PART}|tomorrow(?: {_PART})?(?: at {_CLOCK})?|today|tonight"
    r"|(?:this|next|the coming) (?:week|month|quarter|sprint|weekend)"
    rf"|(?:this|next) {_DAY}(?: {_PART})?"
    rf"|(?<=[a-z] ){_DAY}(?: {_PART})?$"
    r"|(?:as soon as possible|asap|right away|straight away|immediately|end of day|eod|"
    r"first thing(?: tomorrow| in the morning)?))\b"
)


def deadline_in(plain: str) -> str | None:
    """The deadline that a plain text names, in its words; the last one when there are several."""
    found = list(_DEADLINE.finditer(plain))
    return found[-1].group() if found else None


def without_deadline(plain: str) -> str:
    """The text without a deadline at its end."""
    found = list(_DEADLINE.finditer(plain))
    if found and found[-1].end() >= len(plain) - 1:
        return plain[: found[-1].start()].rstrip(" ,")
    return plain
