"""Which voice speaks, and which requests are refused."""

import pytest

from parley.voice import SpeechTextError, UnknownVoiceError, Voice
from parley.voice.choice import check_request, choose_voice

VOICES = [
    Voice("af_heart", "en-US", "female"),
    Voice("af_bella", "en-US", "female"),
    Voice("bf_emma", "en-GB", "female"),
    Voice("ff_siwis", "fr-FR", "female"),
]


@pytest.mark.parametrize(
    ("wanted", "language", "chosen"),
    [
        (None, None, "af_heart"),
        ("bf_emma", None, "bf_emma"),
        ("bf_emma", "fr", "bf_emma"),
        (None, "en", "af_heart"),
        (None, "en-GB", "bf_emma"),
        (None, "EN-gb", "bf_emma"),
        (None, "en-AU", "af_heart"),
        (None, "fr", "ff_siwis"),
    ],
)
def test_the_named_voice_or_the_first_of_the_language(
    wanted: str | None, language: str | None, chosen: str
) -> None:
    assert choose_voice(VOICES, wanted, language).name == chosen


def test_an_unknown_voice_gets_near_ones() -> None:
    with pytest.raises(UnknownVoiceError, match="af_heart") as caught:
        choose_voice(VOICES, "af_hart", None)
    assert caught.value.near[0] == "af_heart"


def test_a_language_without_a_voice_is_refused() -> None:
    with pytest.raises(UnknownVoiceError, match="no voice for tlh"):
        choose_voice(VOICES, None, "tlh")


@pytest.mark.parametrize("text", ["", "   ", "… !?", "\n"])
def test_a_text_without_words_is_refused(text: str) -> None:
    with pytest.raises(SpeechTextError, match="nothing to say"):
        check_request(text, 1.0)


@pytest.mark.parametrize("speed", [0.49, 2.01, 0.0, -1.0, float("nan")])
def test_a_speed_out_of_range_is_refused(speed: float) -> None:
    with pytest.raises(SpeechTextError, match="speed"):
        check_request("Hello.", speed)
