"""What the project's own Vosk model hears, beside Whisper: `python -m bench.model`."""

import argparse
import itertools
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from agent_fleet.vosk_recogniser import VoskModel
from bench import model_speech as speech
from bench.model_scores import Heard, by_vosk, by_whisper, size_mb
from bench.model_speech import MODEL, Clip
from bench.table import show
from parley.audio.resample import to_float32
from parley.transcribe.whisper import WhisperTranscriber

BINS = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.01)


@dataclass(frozen=True)
class Row:
    """One figure.

    Attributes:
        case: What was played or asked.
        engine: Who heard it.
        wer: Word error rate in percent, where words were said that can be known.
        words: Words said; for silence and noise, words heard.
        value: Another figure of the case.
        unit: What `value` counts.
    """

    case: str
    engine: str
    wer: float | None
    words: int
    value: float | None = None
    unit: str = ""


def measure(model: VoskModel, count: int, whisper: int, whisper_model: str) -> Iterator[Row]:
    """All rows.

    Args:
        model: The Vosk model.
        count: Held-out sentences a case.
        whisper: How many of them Whisper gets as well; 0 leaves it out.
        whisper_model: Which Whisper.
    """
    sentences = speech.sentences("held-out", count)
    kokoro = speech.clips(sentences, "kokoro")
    plain = by_vosk(model, kokoro, delays=True)
    yield _row("kokoro-held-out", plain)
    cases: dict[str, Callable[[], Sequence[Clip]]] = {
        "opus-24k": lambda: [speech.through_opus(clip) for clip in kokoro],
        "snr-10": lambda: [speech.in_noise(clip, 10, i) for i, clip in enumerate(kokoro)],
        "espeak": lambda: speech.clips(sentences, "espeak"),
        "demo-sentences": lambda: speech.clips(speech.sentences("demo-sentences", count), "kokoro"),
    }
    for case, make in cases.items():
        yield _row(case, by_vosk(model, make()))
    yield from _false_words(model, count // 5)
    yield from _costs(model, plain)
    yield from _reliability(plain)
    if whisper:
        yield from _beside(whisper, whisper_model, {"kokoro-held-out": lambda: kokoro, **cases})


def _row(case: str, heard: Heard, engine: str = "mini-en") -> Row:
    cost = round(100 * heard.cpu_s / heard.audio_s, 2)
    return Row(case, engine, round(heard.wer, 2), heard.reference_words, cost, "% of a core")


def _false_words(model: VoskModel, count: int) -> Iterator[Row]:
    heard = by_vosk(model, speech.clips(speech.unknown_sentences(count), "kokoro"))
    share = 100 * heard.heard_words / heard.reference_words
    yield Row("oov", "mini-en", None, heard.reference_words, round(share, 1), "% false words")
    for case, clip in {"silence": speech.silence(60), "noise": speech.noise(60)}.items():
        heard = by_vosk(model, [clip])
        yield Row(case, "mini-en", None, heard.heard_words, heard.audio_s, "s played")


def _costs(model: VoskModel, plain: Heard) -> Iterator[Row]:
    delays = sorted(plain.partial_delays_s)
    if delays:
        for name, share in (("p50", 0.5), ("p95", 0.95)):
            delay = round(1000 * delays[int(share * (len(delays) - 1))])
            yield Row(f"partial-{name}", "mini-en", None, len(delays), delay, "ms after the word")
    yield Row("size", "mini-en", None, 0, round(size_mb(model), 2), "MB")


def _reliability(plain: Heard) -> Iterator[Row]:
    """For each range of confidence, how many of its words are right."""
    judged = plain.correct()
    for low, high in itertools.pairwise(BINS):
        inside = [ok for confidence, ok in judged if low <= confidence < high]
        if inside:
            right = round(100 * statistics.mean(inside), 1)
            name = f"confidence {low:.2f} to {min(high, 1.0):.2f}"
            yield Row(name, "mini-en", None, len(inside), right, "% right")


def _beside(count: int, name: str, cases: dict[str, Callable[[], Sequence[Clip]]]) -> Iterator[Row]:
    engine = WhisperTranscriber.load(name, threads=1)

    def transcribe(clip: Clip) -> str:
        return " ".join(u.text for u in engine.transcribe(to_float32(clip.samples), "en"))

    for case, make in cases.items():
        yield _row(case, by_whisper(transcribe, make()[:count]), f"whisper-{name}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    parser.add_argument("--model", type=Path, default=MODEL, help="a Vosk model folder")
    parser.add_argument("--sentences", type=int, default=300, help="held-out sentences a case")
    parser.add_argument("--whisper", type=int, default=300, help="of them for Whisper; 0: none")
    parser.add_argument(
        "--whisper-model", default="base.en", help="tiny.en comes with the packages"
    )
    wanted = parser.parse_args()
    rows = []
    model = VoskModel(wanted.model)
    for row in measure(model, wanted.sentences, wanted.whisper, wanted.whisper_model):
        rows.append(row)
        if wanted.json:
            show([row], as_json=True)
    if not wanted.json:
        show(rows, title="The live model, on text and voices never trained on")


if __name__ == "__main__":
    main()
