"""Sounds of other notations fold into the model's own."""

import pytest

from recipe.phones import NUMBER, OUTPUTS, PHONES, from_cmudict, from_engine, from_flite, from_ipa


def test_there_are_40_phones_and_a_blank() -> None:
    assert len(set(PHONES)) == 40
    assert OUTPUTS == 41
    assert sorted(NUMBER.values()) == list(range(1, 41))


@pytest.mark.parametrize(
    ("ipa", "phones"),
    [
        ("fɹˈaɪdeɪ", "f r ay d ey"),
        ("ɹᵻpˈɔːɹt", "r ih p ao r t"),
        ("dˈɑːlɚz", "d aa l er z"),
        ("tʃˈeɪndʒ", "ch ey n jh"),
        ("ɡˈəʊ", "g ow"),
        ("bˈɛɾɚ", "b eh t er"),
    ],
)
def test_ipa(ipa: str, phones: str) -> None:
    assert from_ipa(ipa) == phones.split()


def test_a_sound_of_another_language_is_refused() -> None:
    assert from_ipa("ʁ") is None


def test_cmudict_tells_schwa_from_stressed_uh() -> None:
    assert from_cmudict(["AH0", "B", "AH1", "V"]) == ["ax", "b", "ah", "v"]


def test_flite_leaves_pauses_out() -> None:
    assert from_flite("pau l eh t axr pau") == ["l", "eh", "t", "er"]
    assert from_flite("pau qq pau") is None


def test_a_kokoro_sentence_is_read_without_its_marks() -> None:
    assert from_engine("kokoro", "ɪz ɪt ɹˈɛdi?") == ["ih", "z", "ih", "t", "r", "eh", "d", "iy"]
