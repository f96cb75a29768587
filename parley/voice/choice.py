"""Which voice speaks: the one asked for, or the first that fits the language."""

from collections.abc import Sequence

from parley.voice.engine import SPEEDS, Voice
from parley.voice.errors import SpeechTextError, UnknownVoiceError


def choose_voice(voices: Sequence[Voice], wanted: str | None, language: str | None) -> Voice:
    """The wanted voice, else the first of the language (`en` takes any `en-…`), else the first.

    Raises:
        UnknownVoiceError: no voice of that name or language.
    """
    if wanted:
        for voice in voices:
            if voice.name == wanted:
                return voice
        raise UnknownVoiceError(wanted, (voice.name for voice in voices))
    if not language:
        return voices[0]
    tag = language.lower()
    for fits in (tag, tag.split("-")[0]):
        for voice in voices:
            if voice.language.lower() == fits or voice.language.lower().split("-")[0] == fits:
                return voice
    raise UnknownVoiceError(language, (voice.language for voice in voices), language=True)


def check_request(text: str, speed: float) -> None:
    """Refuse what no engine can speak.

    Raises:
        SpeechTextError: the text has no letter or digit, or the speed is outside `SPEEDS`.
    """
    if not any(character.isalnum() for character in text):
        raise SpeechTextError("There is nothing to say in the text.")
    slowest, fastest = SPEEDS
    if not slowest <= speed <= fastest:
        raise SpeechTextError(f"The speed must be from {slowest} to {fastest}, not {speed}.")
