"""How fast the final transcriber is: `python -m bench.whisper [--json]`.

RTF is seconds of work for a second of audio, so below 1 is faster than speech. Each row is the
median of its runs, after one run that is not counted.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from parley.audio.resample import resample
from parley.errors import ParleyError
from parley.transcribe.engine import SAMPLE_RATE
from parley.transcribe.whisper import WhisperTranscriber
from parley.voice import SAMPLE_RATE as VOICE_RATE, open_engine
from parley.voice.engines import EngineName

TEXT = (
    "Good morning everyone. Yesterday we finished the payment bug and the tests are running. "
    "I will send the report to the client by Friday. The customer is happy with the design. "
    "Can you check the budget before the next meeting? We agreed to release the app on Monday."
)
PAUSE_S = 1.0


def speech(engine_name: EngineName) -> tuple[str, NDArray[np.float32]]:
    """The text as one voice of an engine speaks it, with a pause after each sentence, at 16 kHz."""

    async def speak() -> tuple[str, NDArray[np.float32]]:
        engine = open_engine(engine_name)
        pause = np.zeros(round(PAUSE_S * VOICE_RATE), np.float32)
        parts = []
        try:
            async for sentence in engine.stream(TEXT):
                parts += [sentence, pause]
            return engine.name, np.concatenate(parts)
        finally:
            await engine.aclose()

    name, samples = asyncio.run(speak())
    return name, resample(samples, VOICE_RATE, SAMPLE_RATE)


def measure(
    model: str, threads: int, audio: NDArray[np.float32], runs: int
) -> tuple[float, float, float]:
    """Seconds to load, median seconds for a transcript, and spread (slowest less fastest)."""
    began = time.perf_counter()
    transcriber = WhisperTranscriber.load(model, device="cpu", threads=threads)
    load_s = time.perf_counter() - began
    took = []
    for run in range(runs + 1):
        began = time.perf_counter()
        transcriber.transcribe(audio)
        if run:
            took.append(time.perf_counter() - began)
    return load_s, statistics.median(took), max(took) - min(took)


def rows(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """A row for each model, thread count and length of audio."""
    voice, once = speech(arguments.voice)
    for model in arguments.model:
        for threads in arguments.threads:
            for repeat in arguments.repeat:
                audio = np.tile(once, repeat)
                length_s = len(audio) / SAMPLE_RATE
                try:
                    load_s, took_s, spread_s = measure(model, threads, audio, arguments.runs)
                except ParleyError as error:
                    yield {"model": model, "threads": threads, "error": str(error)}
                    break
                yield {
                    "model": model,
                    "threads": threads,
                    "voice": voice,
                    "audio_s": round(length_s, 1),
                    "load_s": round(load_s, 2),
                    "took_s": round(took_s, 2),
                    "spread_s": round(spread_s, 2),
                    "rtf": round(took_s / length_s, 4),
                }


def main() -> None:
    """Print the table, or with `--json` one object a row."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    parser.add_argument("--model", nargs="+", default=["tiny.en"])
    default_threads = sorted({1, os.cpu_count() or 1})
    parser.add_argument("--threads", nargs="+", type=int, default=default_threads)
    parser.add_argument("--repeat", nargs="+", type=int, default=[1, 4])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--voice", default="auto", choices=["auto", "kokoro-onnx", "espeak"])
    arguments = parser.parse_args()
    names = ("model", "threads", "voice", "audio_s", "load_s", "took_s", "spread_s", "rtf")
    table = Table(*names)
    failures = []
    for row in rows(arguments):
        if arguments.json:
            print(json.dumps(row), flush=True)
        elif "error" in row:
            failures.append(row["error"])
        else:
            table.add_row(*(str(row[name]) for name in names))
    if not arguments.json:
        console = Console()
        console.print(table)
        for failure in failures:
            console.print(failure)


if __name__ == "__main__":
    main()
