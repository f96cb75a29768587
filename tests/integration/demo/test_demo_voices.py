"""The demo's voices: rendered once, timed, and understood by both recognisers."""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import vosk
from faster_whisper import WhisperModel
from numpy.typing import NDArray

from parley.audio.ogg import decode, encode_opus
from parley.audio.resample import to_int16
from parley.models import ensure
from parley.settings import load_settings
from parley_cli.demo.rehearsal import plan_stays
from parley_cli.demo.script import MEETING, Actor, Join, Say, Script
from parley_cli.demo.stay import Stay
from parley_cli.demo.voices import RenderedMeeting, render
from parley_cli.demo.wer import word_error_rate

RATE = 16_000
SHORT = Script(
    (Actor("ann", "Ann", "af_sarah", "en-us+f3"),),
    (Join("ann"), Say("ann", "Hello everyone."), Say("ann", "Thank you for the update.")),
    (),
)


def nothing(_done: int, _total: int) -> None:
    pass


def over_the_line(stay: Stay, seed: int) -> NDArray[np.float32]:
    """A stay's sound with room noise, through Opus as WebRTC sends it, at 16 kHz."""
    return decode(encode_opus(stay.audio(seed), stay.sample_rate, 24_000), RATE)


def live(model: vosk.Model, sound: NDArray[np.float32]) -> str:
    recogniser, said = vosk.KaldiRecognizer(model, RATE), []
    samples = to_int16(sound)
    for at in range(0, len(samples), RATE // 25):
        if recogniser.AcceptWaveform(samples[at : at + RATE // 25].tobytes()):
            said.append(json.loads(recogniser.Result())["text"])
    return " ".join([*said, json.loads(recogniser.FinalResult())["text"]])


def final(model: WhisperModel, sound: NDArray[np.float32]) -> str:
    segments, _ = model.transcribe(
        sound, language="en", vad_filter=True, condition_on_previous_text=False
    )
    return " ".join(segment.text for segment in segments)


def error_rates(meeting: RenderedMeeting) -> tuple[float, float]:
    """Live and final word error rate of the whole meeting, every speaker against their lines."""
    vosk.SetLogLevel(-1)
    small = vosk.Model(str(ensure("mini-en")))
    whisper = WhisperModel(str(ensure("whisper-tiny.en")), device="cpu", compute_type="int8")
    script: defaultdict[str, list[str]] = defaultdict(list)
    lives: defaultdict[str, list[str]] = defaultdict(list)
    finals: defaultdict[str, list[str]] = defaultdict(list)
    for seed, stay in enumerate(plan_stays(meeting)):
        sound = over_the_line(stay, seed)
        script[stay.identity] += [line.text for line in stay.lines]
        lives[stay.identity].append(live(small, sound))
        finals[stay.identity].append(final(whisper, sound))
    said = {who: " ".join(lines) for who, lines in script.items()}
    return (
        word_error_rate((said[who], " ".join(lives[who])) for who in said),
        word_error_rate((said[who], " ".join(finals[who])) for who in said),
    )


@pytest.mark.timeout(600)  # the first time, a minute of speech is made
async def test_both_recognisers_understand_the_meeting() -> None:
    meeting = await render(MEETING, "kokoro", nothing)
    live_rate, final_rate = error_rates(meeting)
    assert live_rate <= 0.04
    assert final_rate <= 0.03


async def test_the_live_recogniser_understands_espeak_too() -> None:
    live_rate, _ = error_rates(await render(MEETING, "espeak", nothing))
    assert live_rate <= 0.04


@pytest.fixture
def empty_speech(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of this test's own."""
    monkeypatch.setenv("PARLEY_CACHE_DIR", str(tmp_path))
    load_settings.cache_clear()
    return tmp_path / "speech"


def kept(folder: Path) -> dict[Path, int]:
    """The files of a cache, and when each was written."""
    return {path: path.stat().st_mtime_ns for path in sorted(folder.iterdir())}


async def test_lines_are_rendered_once(empty_speech: Path) -> None:
    steps: list[tuple[int, int]] = []
    first = await render(SHORT, "espeak", lambda done, total: steps.append((done, total)))
    assert steps == [(0, 2), (1, 2), (2, 2)]
    made = kept(empty_speech)
    assert len(made) == 2
    second = await render(SHORT, "espeak", nothing)
    assert kept(empty_speech) == made
    for before, after in zip(first.lines, second.lines, strict=True):
        assert np.array_equal(before.samples, after.samples)
        assert before.words == after.words


async def test_a_damaged_file_of_the_cache_is_made_again(empty_speech: Path) -> None:
    await render(SHORT, "espeak", nothing)
    victim = next(iter(kept(empty_speech)))
    victim.write_bytes(victim.read_bytes()[:100])
    meeting = await render(SHORT, "espeak", nothing)
    assert all(len(line.samples) > 10_000 for line in meeting.lines)
    assert victim.stat().st_size > 100


async def test_words_have_times_within_their_line(empty_speech: Path) -> None:
    meeting = await render(SHORT, "espeak", nothing)
    for line in meeting.lines:
        assert [word.text for word in line.words] == line.text.split()
        edges = [ms for word in line.words for ms in (word.start_ms, word.end_ms)]
        assert edges == sorted(edges)
        assert 0 <= edges[0] < 100
        assert edges[-1] <= len(line.samples) * 1000 / meeting.sample_rate
