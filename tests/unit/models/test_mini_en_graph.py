"""The decoding graph says each word with its phones in their places."""

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from recipe.backoff import START, Model
from recipe.graph import UNKNOWN, Builder, Scales, phone_pairs
from recipe.phones import Forms
from recipe.topology import BY_NAME, SILENCE, enter, in_word, kaldi_phones, stay

FORMS: dict[str, Forms] = {
    "report": {("r", "ax", "p", "ao", "r", "t"): 0.0, ("r", "ax", "p", "ao", "t"): 0.5},
    "reports": {("r", "ax", "p", "ao", "r", "t", "s"): 0.0},
    "a": {("ax",): 0.0, ("ey",): 1.0},
    "eh": {("ey",): 0.0},
}
MODEL = Model(
    unigram={"report": 2.0, "reports": 3.0, "a": 1.0, "eh": 4.0},
    pairs={START: {"a": 0.5}, "a": {"report": 0.4, "reports": 0.9}},
    backoff={START: 1.0, "a": 1.5},
)
SCALES = Scales(language=1.0, pronunciation=1.0, word=0.0)
PLACES = {enter(phone.number): phone for phone in kaldi_phones()}
Arcs = list[list[tuple[int, int, float, int]]]
WAITS = {stay(phone.number) for phone in kaldi_phones()}


def read(path: Path) -> Arcs:
    """Arcs of each state of an OpenFst vector FST: input, output, cost, next state."""
    data = path.read_bytes()
    at = 4
    for _ in range(2):
        at += 4 + struct.unpack_from("<i", data, at)[0]
    states = struct.unpack_from("<iiQqqq", data, at)[4]
    at += struct.calcsize("<iiQqqq")
    found = []
    for _ in range(states):
        _, count = struct.unpack_from("<fq", data, at)
        at += 12
        found.append([struct.unpack_from("<iifi", data, at + 16 * i) for i in range(count)])
        at += 16 * count
    assert at == len(data)
    return found


@pytest.fixture
def builder() -> Builder:
    made = Builder(FORMS, MODEL, SCALES)
    made.build()
    return made


@pytest.fixture
def arcs(builder: Builder, tmp_path: Path) -> Arcs:
    builder.graph.write(tmp_path / "HCLG.fst")
    return read(tmp_path / "HCLG.fst")


UNKNOWN_NUMBER = len(FORMS) + 1


def one_word_paths(
    arcs: Arcs, state: int, phones: tuple[int, ...] = (), word: int = 0, cost: float = 0.0
) -> Iterator[tuple[tuple[int, ...], int, float]]:
    """Every way to say one known word from a state, without silence and without waiting."""
    for label, output, price, target in arcs[state]:
        if label in WAITS or label == enter(SILENCE) or output == UNKNOWN_NUMBER:
            continue
        spoken = phones if label == 0 else (*phones, label)
        if spoken and label and PLACES[label].place in ("end", "singleton"):
            yield spoken, word or output, cost + price
        else:
            yield from one_word_paths(arcs, target, spoken, word or output, cost + price)


def test_each_word_is_said_by_exactly_its_forms(builder: Builder, arcs: Arcs) -> None:
    said: dict[int, set[tuple[int, ...]]] = {}
    for phones, word, _ in one_word_paths(arcs, 0):
        said.setdefault(word, set()).add(phones)
    for text, forms in FORMS.items():
        expected = {tuple(map(enter, in_word(form))) for form in forms}
        assert said[builder.numbers[text]] == expected


def test_phones_stand_in_their_places(arcs: Arcs) -> None:
    for phones, _, _ in one_word_paths(arcs, 0):
        places = [PLACES[label].place for label in phones]
        if len(places) == 1:
            assert places == ["singleton"]
        else:
            assert places == ["begin", *["internal"] * (len(places) - 2), "end"]


def test_a_words_cost_is_the_pairs_or_the_backoffs(builder: Builder, arcs: Arcs) -> None:
    costs: dict[tuple[int, tuple[int, ...]], float] = {}
    for phones, word, cost in one_word_paths(arcs, 0):
        key = (word, phones)
        costs[key] = min(cost, costs.get(key, 99.0))
    a = (enter(BY_NAME["ax_S"]),)
    assert costs[builder.numbers["a"], a] == pytest.approx(0.5)
    report = tuple(map(enter, in_word(("r", "ax", "p", "ao", "t"))))
    assert costs[builder.numbers["report"], report] == pytest.approx(1.0 + 2.0 + 0.5)


def test_unknown_words_have_two_phones_or_more(builder: Builder, arcs: Arcs) -> None:
    assert builder.numbers[UNKNOWN] == UNKNOWN_NUMBER
    begins = [arc for state in arcs for arc in state if arc[1] == UNKNOWN_NUMBER]
    assert {PLACES[label].place for label, *_ in begins} == {"begin"}
    for *_, target in begins:
        following = {PLACES[label].place for label, *_ in arcs[target] if label not in WAITS}
        assert following == {"internal", "end"}


def test_every_state_leads_somewhere_and_words_may_be_waited_in(arcs: Arcs) -> None:
    for state in arcs:
        assert state
        for label, _, cost, target in state:
            assert 0 <= target < len(arcs)
            assert label in PLACES or label in WAITS or label == 0
            assert cost == cost  # not NaN


def test_the_same_words_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        made = Builder(dict(reversed(FORMS.items())) if name == "two" else FORMS, MODEL, SCALES)
        made.build().write(tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_phone_pairs_are_chances_within_a_word() -> None:
    import math

    costs = phone_pairs(FORMS)
    followers = [
        math.exp(-cost) for (first, second), cost in costs.items() if first == "r" and second != "#"
    ]
    assert sum(followers) == pytest.approx(1.0)
