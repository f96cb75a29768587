"""Answers from the transcript alone: who said what, or that it isn't known."""

import pytest

from parley.answers.extractive import ExtractiveAnswers, answer
from parley.answers.wording import UNKNOWN
from tests.unit.answers.meetings import question, recollection, said

ANNA = "Anna said: I will send the customers an email on Thursday morning."
FLAKY = "Anna said: Ben, can you fix the flaky tests by Wednesday?"
ACCEPTED = "You said: Sure, I can do that by Wednesday."
NOTES = "Cleo said: I'll write the release notes tomorrow."
RELEASE = "Anna said: We agreed to release on Thursday."

ANSWERS = [
    ("what did anna promise", [ANNA]),
    ("tell me what ben promised", [FLAKY, ACCEPTED]),
    ("what do i have to do", [FLAKY, ACCEPTED]),
    ("what are the action items", [FLAKY, ACCEPTED, NOTES, ANNA]),
    ("who will write the release notes", [NOTES]),
    ("who is going to fix the flaky tests", [FLAKY, ACCEPTED]),
    ("what did we decide", [RELEASE]),
    ("what did we agree on", [RELEASE]),
    ("when is the release", [NOTES, RELEASE]),
    ("when will anna send the email", [ANNA]),
    ("is the build green", ["You said: The build is green since yesterday."]),
    ("who said the build is green", ["You said: The build is green since yesterday."]),
    ("has anybody talked about customers", [ANNA]),
    ("what did cleo say", [NOTES]),
    ("what is the price of coffee", [UNKNOWN]),
    ("what are the open questions", [UNKNOWN]),
    ("who is here", ["Anna Berg, Ben Okoro and Cleo Marsh are here."]),
]


@pytest.mark.parametrize(("asked", "expected"), ANSWERS)
def test_a_written_transcript(asked: str, expected: list[str]) -> None:
    assert answer(question(asked), recollection("01_release", recognised=False)) == expected


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("what did anna promise", [ANNA]),
        ("who will write the release notes", [NOTES]),
        ("what did we decide", [RELEASE]),
        ("what is the price of coffee", [UNKNOWN]),
        (
            "who is going to fix the flaky tests",
            [
                "Anna said: Ben can you fix the flaky tests by Wednesday.",
                "You said: Sure I can do that by Wednesday.",
            ],
        ),
    ],
)
def test_a_recognised_transcript_has_neither_capitals_nor_marks(
    asked: str, expected: list[str]
) -> None:
    assert answer(question(asked), recollection("01_release", recognised=True)) == expected


def test_numbers_and_forms_of_words() -> None:
    memory = said(
        ("anna", "the budget is good"),
        ("ben", "the budget is ten thousand"),
        ("cleo", "i sent the contract yesterday"),
    )
    assert answer(question("how much is the budget", "cleo"), memory) == [
        "Ben said: The budget is ten thousand."
    ]
    assert answer(question("did anybody send the contract", "ben"), memory) == [
        "Cleo said: I sent the contract yesterday."
    ]


def test_neither_questions_nor_words_to_the_assistant_are_quoted() -> None:
    memory = said(
        ("anna", "when is the release"),
        ("ben", "parley when is the release"),
        ("ben", "parley the release is never"),
    )
    assert answer(question("when is the release", "cleo"), memory, ("parley",)) == [UNKNOWN]


def test_a_question_to_everybody_is_left_to_them_where_nothing_is_known() -> None:
    memory = said(("anna", "good morning"))
    assert answer(question("when is the release", addressed=False), memory) == []


def test_two_with_one_first_name_are_told_apart() -> None:
    memory = said(("anna", "the server is slow"), ("ben", "yes"))
    names = tuple(
        p.model_copy(update={"name": {"anna": "Anna Berg", "ben": "Anna Holt"}[p.identity]})
        for p in memory.participants
    )
    memory = type(memory)(names, memory.segments)
    assert answer(question("what is slow", "cleo"), memory) == [
        "Anna Berg said: The server is slow."
    ]


def test_spoken_instructions_are_quotations_at_most() -> None:
    memory = recollection("12_injection", recognised=True)
    told = answer(question("what did we decide", "eva"), memory)
    assert told == ["Dan said: We decided to keep the current supplier."]
    tasks = answer(question("what do i have to do", "eva"), memory)
    assert not any("wash my car" in one or "million" in one for one in tasks)


async def test_as_an_engine() -> None:
    engine = ExtractiveAnswers()
    memory = recollection("01_release", recognised=False)
    assert [s async for s in engine.answer(question("what did anna promise"), memory)] == [ANNA]
