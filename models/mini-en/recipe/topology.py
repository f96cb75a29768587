"""Kaldi's phones, with a copy for each place in a word, and their transition numbers.

A phone takes one step of its own output and then any number of blank steps (self-loops): Kaldi's chain topology
with two pdfs a state. The forward transition of phone p is numbered 2p, its self-loop 2p - 1.
"""

from dataclasses import dataclass

from recipe.phones import NUMBER, PHONES

SILENCE = 1
BLANK_PDF = 0


@dataclass(frozen=True)
class KaldiPhone:
    """One line of `phones.txt` and `word_boundary.int`.

    Attributes:
        number: From 1.
        name: Such as `ah_B`.
        place: `nonword`, `begin`, `internal`, `end` or `singleton`.
        pdf: The network output of its first step.
    """

    number: int
    name: str
    place: str
    pdf: int


def kaldi_phones() -> list[KaldiPhone]:
    """All of them, in the order of their numbers."""
    found = [KaldiPhone(SILENCE, "SIL", "nonword", BLANK_PDF)]
    places = {"B": "begin", "I": "internal", "E": "end", "S": "singleton"}
    for phone in PHONES:
        for letter, place in places.items():
            found.append(KaldiPhone(len(found) + 1, f"{phone}_{letter}", place, NUMBER[phone]))
    return found


BY_NAME = {phone.name: phone.number for phone in kaldi_phones()}


def enter(phone: int) -> int:
    """The transition that speaks the phone."""
    return 2 * phone


def stay(phone: int) -> int:
    """The transition that waits in the phone on a blank step."""
    return 2 * phone - 1


def in_word(form: tuple[str, ...]) -> list[int]:
    """Kaldi phone numbers of a word's sounds."""
    last = len(form) - 1
    if last == 0:
        return [BY_NAME[f"{form[0]}_S"]]
    letters = ["B", *"I" * (last - 1), "E"]
    return [BY_NAME[f"{phone}_{letter}"] for phone, letter in zip(form, letters, strict=True)]
