"""Which utterances are questions for the assistant: a table, as a recogniser writes them."""

import pytest

from parley.answers.finder import Found, QuestionFinder
from parley.answers.rules import Kind
from parley.domain.timeline import TimelineParticipant
from parley.summary.extractive.names import Names

NAMES = ("parley", "parlay", "barley")
PEOPLE = Names(
    [
        TimelineParticipant(identity="anna", name="Anna Berg"),
        TimelineParticipant(identity="bob", name="Bob"),
    ]
)

TO_IT = [
    ("parley what did anna promise", "what did anna promise"),
    ("what did anna promise parley", "what did anna promise"),
    ("hey parley who will write the report", "who will write the report"),
    ("barley what is the deadline", "what is the deadline"),
    ("so parley what about the budget", "what about the budget"),
    ("please parley how many days do we have", "how many days do we have"),
    ("hey parley is the report ready", "is the report ready"),
    ("parley is the report ready", "is the report ready"),
    ("is the report ready parley", "is the report ready"),
    ("parley is it done", "is it done"),
    ("parley did anna call the client", "did anna call the client"),
    ("parley will the report be ready", "will the report be ready"),
    ("parley tell me what bob said", "tell me what bob said"),
    ("parley summarize the meeting", "summarize the meeting"),
    ("parley can you repeat that", "can you repeat that"),
    ("parley do you know when the meeting is", "do you know when the meeting is"),
    ("let us ask parley who writes the proposal", "who writes the proposal"),
    ("Okay. Parley, what did Anna promise?", "what did Anna promise"),
    ("Parley, the release is when?", "the release is when"),
]
NOT_TO_IT = [
    "we use parley for this",
    "i asked parley yesterday",
    "what do you think of parley",
    "what is new in parley",
    "can you start parley",
    "parley's captions are good",
    "parley records everything",
    "thank you parley",
    "parley thank you",
    "parley the report is ready",
    "parley anna promised the report",
    "what did anna promise",
    "when is the release",
]
UNSURE = [
    "parley is great",
    "parley is the best tool",
    "parley has a bug",
    "parley does not work",
    "parley what we need is a plan",
]
TO_ALL = [
    "what did anna promise",
    "so who is responsible for the dashboard",
    "when is the release",
    "which budget do we use",
    "how many people will come",
    "why was the release late",
    "does anyone know when the meeting is",
    "do we know when the release is",
    "did we decide on the price",
    "did anna send the report",
    "has bob finished",
    "is the report ready",
    "have the tests passed",
    "who said that the server is slow",
    "what happens if we are late",
    "what did bob say about anna",
    "the question is who pays",
    "Is it Friday?",
]
NOT_TO_ALL = [
    "what we need is a plan",
    "when the report is ready we will start",
    "when we meet tomorrow we will talk",
    "how are you",
    "can you hear me",
    "can you review the budget",
    "do you have time",
    "bob what is the status",
    "what do you think bob",
    "could anna take this",
    "shall we start",
    "can we move on",
    "are there any questions",
    "any questions",
    "is there anything else",
    "who is next",
    "will do",
    "have a nice day",
    "do not forget the report",
    "what a day",
    "let us start",
    "the report is ready",
]


def hear(text: str, *, every: bool = False, english: bool = True) -> Found | None:
    finder = QuestionFinder(NAMES, every_question=every)
    return finder.hear("carl", text, start_ms=0, end_ms=1_000, people=PEOPLE, english=english)


@pytest.mark.parametrize(("text", "question"), TO_IT)
def test_a_question_by_name(text: str, question: str) -> None:
    assert hear(text) == Found(Kind.QUESTION, question, True)


@pytest.mark.parametrize("text", NOT_TO_IT)
def test_not_for_the_assistant(text: str) -> None:
    assert hear(text) is None


@pytest.mark.parametrize("text", UNSURE)
def test_what_only_a_model_can_tell(text: str) -> None:
    found = hear(text)
    assert found is not None
    assert (found.kind, found.addressed) == (Kind.PERHAPS, True)


@pytest.mark.parametrize("text", TO_ALL)
def test_a_question_to_everybody_counts_only_where_the_room_says_so(text: str) -> None:
    assert hear(text) is None
    assert hear(text, every=True) == Found(Kind.QUESTION, text, False)


@pytest.mark.parametrize("text", NOT_TO_ALL)
def test_no_question_to_everybody(text: str) -> None:
    assert hear(text, every=True) is None


@pytest.mark.parametrize("text", ["parley stop", "hey parley be quiet please", "parley never mind"])
def test_the_assistant_can_be_silenced(text: str) -> None:
    found = hear(text)
    assert found is not None
    assert found.kind is Kind.STOP


def test_the_name_alone_waits_for_the_question() -> None:
    finder = QuestionFinder(NAMES, every_question=False)

    def say(who: str, text: str, at_ms: int) -> Found | None:
        return finder.hear(who, text, start_ms=at_ms, end_ms=at_ms + 1_000, people=PEOPLE)

    assert say("bob", "hey parley", 0) is None
    assert say("anna", "when is the release", 1_500) is None  # somebody else
    assert say("bob", "when is the release", 2_000) == Found(
        Kind.QUESTION, "when is the release", True
    )
    assert say("bob", "when is the deadline", 4_000) is None  # answered once
    assert say("bob", "parley i have a question", 6_000) is None
    assert say("bob", "when is the release", 16_000) is None  # too late


def test_another_language_asks_by_name_or_mark() -> None:
    assert hear("parley wann ist die abgabe", english=False) == Found(
        Kind.QUESTION, "wann ist die abgabe", True
    )
    assert hear("wann ist die abgabe", every=True, english=False) is None
    assert hear("Wann ist die Abgabe?", every=True, english=False) == Found(
        Kind.QUESTION, "Wann ist die Abgabe?", False
    )


def test_an_assistant_without_a_name_is_refused() -> None:
    with pytest.raises(ValueError, match="name"):
        QuestionFinder([" "], every_question=False)
