"""How soon speech begins and how fast it is made: `python -m bench.speech`.

Each engine speaks 1, 4 and 16 sentences. `first_audio_ms` is the time from the request to the first
sentence's sound, `rtf` the time to make all of it over its length, `stalls_ms` how long a listener
who starts at the first sound would wait in all because the next sentence wasn't made yet.
"""

import argparse
import asyncio
import os
import statistics
import time
from dataclasses import dataclass

from bench.table import show
from parley.voice import SAMPLE_RATE, EngineMissingError, SpeechEngine, open_engine
from parley.voice.engines import EngineName

SENTENCES = (
    "Good morning everyone, and thank you for coming.",
    "Yesterday we finished the payment page, and today the tests are running.",
    "The customer is happy with the design.",
    "Can you send the report to the client by Friday?",
)


@dataclass(frozen=True)
class Row:
    """What one engine needed for one text; the median of some runs."""

    variant: str
    threads: int
    sentences: int
    audio_s: float
    load_ms: int
    first_audio_ms: int
    rtf: float
    stalls_ms: int


async def measure(
    name: EngineName, threads: int, counts: list[int], runs: int, as_json: bool
) -> list[Row]:
    """One row for each number of sentences."""
    began = time.perf_counter()
    engine = await asyncio.to_thread(open_engine, name, threads=threads)
    load_ms = round((time.perf_counter() - began) * 1000)
    rows = []
    try:
        await _speak(engine, SENTENCES[2])  # the first sentence of a process is slower
        for count in counts:
            text = " ".join(SENTENCES[number % len(SENTENCES)] for number in range(count))
            found = [await _speak(engine, text) for _ in range(runs)]
            row = Row(
                variant=engine.name,
                threads=threads,
                sentences=count,
                audio_s=round(found[0][0], 1),
                load_ms=load_ms,
                first_audio_ms=round(statistics.median(first for _, first, _, _ in found)),
                rtf=round(statistics.median(total / audio for audio, _, total, _ in found), 3),
                stalls_ms=round(statistics.median(stalls for _, _, _, stalls in found)),
            )
            rows.append(row)
            if as_json:
                show([row], as_json=True)
    finally:
        await engine.aclose()
    return rows


async def _speak(engine: SpeechEngine, text: str) -> tuple[float, float, float, float]:
    """Seconds of audio, ms to the first sound, seconds to the last, ms of stalls."""
    began = time.perf_counter()
    audio_s = first_ms = stalls_s = 0.0
    played_until_s = 0.0  # when a listener has heard all that has come
    async for sound in engine.stream(text):
        now_s = time.perf_counter() - began
        if not audio_s:
            first_ms, played_until_s = now_s * 1000, now_s
        stalls_s += max(0.0, now_s - played_until_s)
        played_until_s = max(played_until_s, now_s) + len(sound) / SAMPLE_RATE
        audio_s += len(sound) / SAMPLE_RATE
    return audio_s, first_ms, time.perf_counter() - began, stalls_s * 1000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", default="espeak,kokoro-onnx", help="names, with commas")
    parser.add_argument("--threads", default="1,2", help="threads a sentence, with commas")
    parser.add_argument("--sentences", default="1,4,16", help="numbers of them, with commas")
    parser.add_argument("--runs", type=int, default=3, help="runs of each; the median counts")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    wanted = parser.parse_args()
    counts = [int(part) for part in wanted.sentences.split(",")]
    load = os.getloadavg()[0]
    rows = []
    for engine in wanted.engines.split(","):
        for threads in [1] if engine == "espeak" else map(int, wanted.threads.split(",")):
            try:
                rows += asyncio.run(measure(engine, threads, counts, wanted.runs, wanted.json))
            except EngineMissingError as error:
                parser.exit(1, f"{engine}: {error}\n")
    if not wanted.json:
        show(rows, title=f"Speech (machine load {load:.1f} at the start)")


if __name__ == "__main__":
    main()
