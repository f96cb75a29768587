"""What would hang or kill the process is refused before it reaches libvosk."""

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import pytest

from agent_fleet.languages import PROJECT_MODEL
from agent_fleet.vosk_recogniser import VoskModel, VoskRecogniser
from parley.errors import AudioError, ModelError, RecogniserError
from tests.unit.fleet.conftest import quiet, speech


def test_it_recognises_speech_with_words_and_times(model: VoskModel) -> None:
    recogniser = model.recogniser(16_000)
    recogniser.accept(speech("can you review the budget").tobytes())
    heard = recogniser.finish()
    assert heard.text == "can you review the budget"
    assert [w.text for w in heard.words] == heard.text.split()
    assert all(0 <= w.start_s < w.end_s < 3 for w in heard.words)


@pytest.mark.parametrize(
    "rate", [0, 1, 4, -1, 7_999, 96_000, 16_000.0, float("nan"), True, "16000"]
)
def test_a_bad_sample_rate_is_refused(model: VoskModel, rate: Any) -> None:
    with pytest.raises(AudioError, match="sample rate"):
        model.recogniser(rate)


@pytest.mark.parametrize("pcm", ["text", bytearray(320), memoryview(bytes(320)), None, b"\0" * 321])
def test_bad_audio_is_refused(model: VoskModel, pcm: Any) -> None:
    with pytest.raises(AudioError):
        model.recogniser(16_000).accept(pcm)


def test_half_an_hour_in_one_call_is_refused(model: VoskModel) -> None:
    with pytest.raises(AudioError, match="at most 30 s"):
        model.recogniser(16_000).accept(bytes(2 * 16_000 * 1800))


def test_bytes_that_end_in_the_middle_of_a_sample_leave_the_recogniser_as_it_was(
    model: VoskModel,
) -> None:
    recogniser = model.recogniser(16_000)
    with pytest.raises(AudioError):
        recogniser.accept(b"\1" * 641)
    recogniser.accept(speech("the report is ready").tobytes())
    assert recogniser.finish().text == "the report is ready"


@pytest.mark.parametrize("missing", ["am/final.mdl", "graph/HCLG.fst", "conf/mfcc.conf"])
def test_an_incomplete_model_folder_says_what_is_missing(tmp_path: Path, missing: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(PROJECT_MODEL, folder)
    (folder / missing).unlink()
    with pytest.raises(ModelError, match=missing):
        VoskModel(folder)


def test_a_truncated_model_is_an_error_of_ours(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(PROJECT_MODEL, folder)
    whole = (folder / "am/final.mdl").read_bytes()
    (folder / "am/final.mdl").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="complete"):
        VoskModel(folder)


def test_no_folder_at_all_names_the_setting(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="PARLEY_LIVE_MODELS"):
        VoskModel(tmp_path / "nowhere")


class _Scripted:
    """Stands for libvosk's recogniser, to answer what the real one never would."""

    def __init__(self, answer: str = "{}") -> None:
        self.answer = answer
        self.inside = threading.Event()
        self.leave = threading.Event()
        self.leave.set()

    def SetWords(self, _: bool) -> None: ...

    def AcceptWaveform(self, _: bytes) -> int:
        self.inside.set()
        self.leave.wait(5)
        return 1

    def Result(self) -> str:
        return self.answer

    FinalResult = PartialResult = Result


@pytest.mark.parametrize(
    "answer",
    [
        "not json",
        "[]",
        json.dumps({"result": [{"word": "a"}], "text": "a"}),
        json.dumps({"result": [{"word": "a", "start": -1, "end": 1}], "text": "a"}),
        '{"result": [{"word": "a", "start": NaN, "end": 1}], "text": "a"}',
        json.dumps({"result": [{"word": "a", "start": "x", "end": 1}], "text": "a"}),
    ],
)
def test_rubbish_results_are_recogniser_errors(answer: str) -> None:
    with pytest.raises(RecogniserError):
        VoskRecogniser(_Scripted(answer), 16_000).accept(b"\0\0")


def test_a_partial_that_is_not_text_is_a_recogniser_error() -> None:
    with pytest.raises(RecogniserError):
        VoskRecogniser(_Scripted('{"partial": 3}'), 16_000).partial()


def test_confidence_is_kept_within_bounds() -> None:
    word = {"word": "a", "start": 0, "end": 1, "conf": 7}
    answer = json.dumps({"result": [word], "text": "a"})
    utterance = VoskRecogniser(_Scripted(answer), 16_000).accept(b"\0\0")
    assert utterance is not None
    assert utterance.words[0].confidence == 1.0


def test_unknown_words_are_no_words_and_the_others_keep_their_times() -> None:
    words = [
        {"word": "the", "start": 0.1, "end": 0.3, "conf": 0.9},
        {"word": "[unk]", "start": 0.3, "end": 0.8, "conf": 1.0},
        {"word": "report", "start": 0.8, "end": 1.2, "conf": 0.7},
    ]
    text = "the [unk] report"
    answer = json.dumps({"result": words, "text": text, "partial": text})
    recogniser = VoskRecogniser(_Scripted(answer), 16_000)
    assert recogniser.partial() == "the report"
    heard = recogniser.finish()
    assert heard.text == "the report"
    assert [(w.text, w.start_s, w.end_s) for w in heard.words] == [
        ("the", 0.1, 0.3),
        ("report", 0.8, 1.2),
    ]


def test_only_unknown_words_are_an_empty_utterance() -> None:
    word = {"word": "[unk]", "start": 0, "end": 1, "conf": 1.0}
    answer = json.dumps({"result": [word], "text": "[unk]", "partial": "[unk]"})
    recogniser = VoskRecogniser(_Scripted(answer), 16_000)
    assert recogniser.partial() == ""
    heard = recogniser.finish()
    assert (heard.text, heard.words) == ("", ())


def test_a_second_thread_is_kept_out() -> None:
    scripted = _Scripted()
    scripted.leave.clear()
    recogniser = VoskRecogniser(scripted, 16_000)
    thread = threading.Thread(target=recogniser.accept, args=(b"\0\0",))
    thread.start()
    assert scripted.inside.wait(5)
    with pytest.raises(RecogniserError, match="another thread"):
        recogniser.partial()
    scripted.leave.set()
    thread.join(5)
    assert recogniser.partial() == ""


def test_four_threads_with_a_recogniser_each_hear_what_one_alone_hears(model: VoskModel) -> None:
    sentences = [
        "can you review the budget",
        "the report is ready",
        "thank you",
        "see you tomorrow",
    ]
    heard: dict[str, str] = {}

    def listen(sentence: str) -> None:
        recogniser = model.recogniser(16_000)
        for _ in range(3):
            recogniser.accept(speech(sentence).tobytes())
            recogniser.accept(quiet(0.2).tobytes())
            heard[sentence] = recogniser.finish().text

    alone = {}
    for sentence in sentences:
        listen(sentence)
        alone[sentence] = heard[sentence]
    heard.clear()
    threads = [threading.Thread(target=listen, args=(s,)) for s in sentences]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert heard == alone
