"""The 40 sounds of the model, and how other notations fold into them.

Names follow cmudict, with `ax` for the unstressed schwa. Number 0 is the blank of the network's output.
"""

import re

PHONES = (
    "iy ih eh ae aa ao uh uw ah ax er ey ay oy ow aw p b t d k g ch jh f v th dh s z sh zh hh m n ng l r y w"
).split()
NUMBER = {phone: i + 1 for i, phone in enumerate(PHONES)}
OUTPUTS = len(PHONES) + 1
"""Network outputs: the blank and the phones."""

Forms = dict[tuple[str, ...], float]
"""Ways to say one word, each with its cost (natural log, 0 for the likeliest)."""

_IPA = {
    "i": "iy", "ɪ": "ih", "ɛ": "eh", "æ": "ae", "ɑ": "aa", "ɔ": "ao", "ʊ": "uh", "u": "uw", "ʌ": "ah", "ə": "ax",
    "ɜ": "er", "eɪ": "ey", "aɪ": "ay", "ɔɪ": "oy", "oʊ": "ow", "aʊ": "aw", "p": "p", "b": "b", "t": "t", "d": "d",
    "k": "k", "ɡ": "g", "tʃ": "ch", "dʒ": "jh", "f": "f", "v": "v", "θ": "th", "ð": "dh", "s": "s", "z": "z",
    "ʃ": "sh", "ʒ": "zh", "h": "hh", "m": "m", "n": "n", "ŋ": "ng", "l": "l", "ɹ": "r", "j": "y", "w": "w",
    "ᵻ": "ih", "ɾ": "t", "ɚ": "er", "ɐ": "ax", "a": "ae", "ɒ": "aa", "oɹ": "ao r", "o": "ow", "e": "eh", "əʊ": "ow",
    "ʔ": "t", "x": "k", "ɬ": "l", "ɫ": "l", "r": "r", "g": "g", "ç": "hh", "y": "iy",
}  # fmt: skip
_IPA_TOKENS = sorted(_IPA, key=len, reverse=True)
_IGNORED = re.compile("[ˈˌːʲ_\u0329\u0303\u200d'-]")
_FLITE = {
    "el": "ax l",
    "em": "ax m",
    "en": "ax n",
    "axr": "er",
    "dx": "t",
    "nx": "n",
    "ux": "uw",
    "ix": "ih",
}


def from_ipa(text: str) -> list[str] | None:
    """Phones of one IPA word as espeak-ng writes it, or None when it holds a sound not known here."""
    text = _IGNORED.sub("", text)
    found: list[str] = []
    while text:
        token = next((t for t in _IPA_TOKENS if text.startswith(t)), None)
        if token is None:
            return None
        found += _IPA[token].split()
        text = text[len(token) :]
    return found


def from_cmudict(names: list[str]) -> list[str]:
    """Phones of one cmudict entry, such as `["AH0", "B", "AW1", "T"]`."""
    return ["ax" if name == "AH0" else name.rstrip("012").lower() for name in names]


def from_flite(text: str) -> list[str] | None:
    """Phones of what `flite -ps` prints, pauses left out."""
    found: list[str] = []
    for name in text.split():
        if name in ("pau", "ssil", "brth"):
            continue
        found += _FLITE.get(name, name).split()
    return found if all(phone in NUMBER for phone in found) else None


def from_engine(engine: str, text: str) -> list[str] | None:
    """Phones of a shard's `phones` field; None when one isn't known."""
    if engine == "flite":
        return from_flite(text)
    return from_ipa(re.sub(r"[\s.,?!;:]", "", text))
