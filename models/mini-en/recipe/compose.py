"""What is said in the training speech: the prompts of each shard, from seeds alone."""

import random
from dataclasses import dataclass
from functools import cache

from num2words import num2words

from recipe import bigrams, grammar
from recipe.places import HELD_OUT_ESPEAK, HELD_OUT_KOKORO, SEED
from recipe.vocabulary import base_words, rare_words

SHARD = 40
"""Utterances a shard: about three minutes of speech."""

FIRST_MIXED = 120
"""Kokoro shards from this one on speak written talk, in voices mixed more boldly."""

SPOKEN_TALK = ("design", "people", "sales", "software", "talk", "teaching")
"""The files of `text/talk` that they take it from."""

KOKORO_VOICES = tuple(
    f"{accent}_{name}"
    for accent, names in {
        "af": "alloy aoede bella heart jessica kore nicole nova river sarah sky",
        "am": "adam echo eric fenrir liam michael onyx puck santa",
        "bf": "alice emma isabella lily",
        "bm": "daniel fable george lewis",
    }.items()
    for name in names.split()
)
ESPEAK_ACCENTS = ("en-us", "en-us", "en-us", "en-gb", "en-gb-x-rp")
ESPEAK_VARIANTS = (
    "", "+m1", "+m2", "+m3", "+m4", "+m6", "+m7", "+f1", "+f2", "+f3", "+f5", "+Andy", "+Annie", "+Mike", "+Alicia",
    "+max", "+linda", "+adam", "+belinda", "+john", "+paul", "+travis", "+zac", "+victor", "+shelby", "+david",
    "+edward", "+steph2", "+anikaRobot", "+quincy", "+rob", "+pablo",
)  # fmt: skip
FLITE_VOICES = ("slt", "rms", "awb", "kal16")


@dataclass(frozen=True)
class Prompt:
    """One utterance to synthesise.

    Attributes:
        text: Words with punctuation, lower case.
        voice: Voice name; for Kokoro `one`, or `one+0.3*other`, the styles' weighted sum (a share below 0 or above 1
            goes beyond one of them), or `one+0.3*other/third`, which has the third's manner of speaking.
        speed: Factor of the voice's own pace.
        pitch: 0 to 99, of espeak-ng alone.
    """

    text: str
    voice: str
    speed: float
    pitch: int = 50


def shard(engine: str, number: int) -> list[Prompt]:
    """The prompts of one shard of `kokoro`, `espeak` or `flite`: always the same ones."""
    rng = random.Random(f"{SEED}/{engine}/{number}")
    mixed = engine == "kokoro" and number >= FIRST_MIXED
    voices = {"kokoro": _kokoro_voice, "espeak": _espeak_voice, "flite": _flite_voice}
    voice = _mixed_voice if mixed else voices[engine]
    prompts = []
    for i in range(SHARD):
        text = rng.choice(grammar.talk(SPOKEN_TALK)) if mixed and i % 4 else _text(rng, engine, number * SHARD + i)
        prompts.append(Prompt(text, voice(rng), round(rng.uniform(0.8, 1.35), 2), rng.randint(20, 80)))
    return prompts


def _text(rng: random.Random, engine: str, index: int) -> str:
    kind = rng.random()
    if kind < 0.45:
        return _cover(rng, engine, index)
    if kind < 0.80:
        return _meeting(rng)
    if kind < 0.88:
        return _figures(rng)
    if kind < 0.94:
        return " ".join(rng.choice(rare_words()) for _ in range(rng.randint(3, 6)))
    return _meeting(rng, shortest=1)


def _meeting(rng: random.Random, shortest: int = 5) -> str:
    text = grammar.sentence(rng)
    while len(text.split()) < shortest:
        joint = " " if text.endswith((".", "?")) else ". "
        text += joint + grammar.sentence(rng)
    return text


def _cover(rng: random.Random, engine: str, index: int) -> str:
    """A phrase of general English around the next word of a shuffled vocabulary."""
    order = _shuffled(engine)
    phrase = bigrams.walk(rng, order[index % len(order)], rng.randint(1, 4), rng.randint(1, 5))
    if len(phrase.split()) < 4:
        phrase += " " + bigrams.walk(rng, rng.choice(order), 1, 3)
    return phrase


@cache
def _shuffled(engine: str) -> tuple[str, ...]:
    words = list(base_words())
    random.Random(f"{SEED}/{engine}/cover").shuffle(words)
    return tuple(words)


def _figures(rng: random.Random) -> str:
    """Numbers, money, dates and times, read out."""
    kind = rng.randrange(4)
    if kind == 0:
        number = rng.choice((rng.randrange(1000), rng.randrange(100000), rng.randrange(5000000)))
        return num2words(number).replace(",", "").replace("-", " ")
    if kind == 1:
        digits = [rng.choice(("zero", *grammar.slots()["digit"])) for _ in range(rng.randint(4, 9))]
        return " ".join(digits)
    slot = rng.choice(("{money}", "{day} at {clock}", "{count}", "{when}", "{first} and {first}"))
    return grammar.sentence(rng, f"{slot}, {slot}")


def _kokoro_voice(rng: random.Random) -> str:
    voices = [v for v in KOKORO_VOICES if v not in HELD_OUT_KOKORO]
    one, other = rng.sample(voices, 2)
    share = rng.choice((0, 0, 0.3, 0.5))
    return f"{one}+{share}*{other}" if share else one


def _mixed_voice(rng: random.Random) -> str:
    one, other, third = rng.sample([v for v in KOKORO_VOICES if v not in HELD_OUT_KOKORO], 3)
    return f"{one}+{round(rng.uniform(-0.4, 0.5), 2)}*{other}/{third}"


def _espeak_voice(rng: random.Random) -> str:
    while True:
        voice = rng.choice(ESPEAK_ACCENTS) + rng.choice(ESPEAK_VARIANTS)
        if voice not in HELD_OUT_ESPEAK:
            return voice


def _flite_voice(rng: random.Random) -> str:
    return rng.choice(FLITE_VOICES)
