"""What `/v1/stream` carries on one core: `python -m bench.stream`.

The clients are vosk-server's: 16 kHz PCM in 100-ms messages in real time, room noise under
everything, each answer read. They run on the other cores.
"""

import argparse
import asyncio
import json
import os
import time
from dataclasses import dataclass

from websockets.asyncio.client import connect

from bench.captions import error_rate, scripted_lines
from bench.speech_load import Load, ScriptedSpeaker, speakers
from bench.stand import Agent, Stand, stand
from bench.table import show
from parley.auth.tokens import mint
from parley_cli.demo.latency import caption_latencies, percentile
from parley_cli.demo.listener import Caption

_STEP = 1_600


@dataclass(frozen=True)
class Row:
    """One run; times in ms from a word's end to the answer that holds it."""

    speakers: int
    load: str
    cpu_pct: float
    partial_p50_ms: float
    partial_p95_ms: float
    final_p50_ms: float
    final_p95_ms: float
    rss_mb: float
    wer: float
    worst_pace_ms: float


async def run(servers: Stand, agent: Agent, count: int, load: Load, seconds: float) -> Row:
    """So many clients speak for so long."""
    people = speakers(count, load, seconds)
    token = mint(servers.settings, sub="bench", role="service")
    url = f"{agent.settings.fleet_url.replace('http', 'ws')}/v1/stream?token={token}"
    begin = time.time() + 2.0 + count / 40
    agent.mark()
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_client(url, person, f"client-{number:03}", begin + number * 0.0017))
            for number, person in enumerate(people)
        ]
    usage = agent.usage()
    captions = [caption for task in tasks for caption in task.result()[0]]
    lines = [
        line
        for number, person in enumerate(people)
        for line in scripted_lines(
            person,
            f"client-{number:03}",
            int((begin + number * 0.0017) * 1000),
            f"client-{number:03}",
        )
    ]
    latencies = caption_latencies(lines, captions)
    return Row(
        speakers=count,
        load=load,
        cpu_pct=round(usage.cpu_pct, 1),
        partial_p50_ms=percentile(latencies.partial_ms, 50),
        partial_p95_ms=percentile(latencies.partial_ms, 95),
        final_p50_ms=percentile(latencies.final_ms, 50),
        final_p95_ms=percentile(latencies.final_ms, 95),
        rss_mb=round(usage.rss_mb),
        wer=round(100 * error_rate(lines, captions), 2),
        worst_pace_ms=round(max(task.result()[1] for task in tasks)),
    )


async def _client(
    url: str, person: ScriptedSpeaker, name: str, begin: float
) -> tuple[list[Caption], float]:
    """The answers with their time, and how late the client itself was at worst, in ms."""
    audio = person.samples().tobytes()
    captions: list[Caption] = []
    number, worst = 0, 0.0

    def note(answer: dict[str, str]) -> None:
        nonlocal number
        final = "text" in answer
        text = answer.get("text") or answer.get("partial") or ""
        if text:
            now_ms = time.time_ns() // 1_000_000
            captions.append(Caption(name, name, f"{name}.{number}", text, final, 0, now_ms))
        number += final and bool(text)

    async with connect(url, compression=None, max_queue=64) as socket:

        async def read() -> None:
            async for message in socket:
                note(json.loads(message))

        reading = asyncio.create_task(read())
        for step, at in enumerate(range(0, len(audio), 2 * _STEP), 1):
            delay = begin + step * 0.1 - time.time()
            worst = max(worst, -delay * 1000)
            if delay > 0:
                await asyncio.sleep(delay)
            await socket.send(audio[at : at + 2 * _STEP])
        await socket.send('{"eof" : 1}')
        await reading
    return captions, worst


async def measure(counts: list[int], loads: list[Load], seconds: float) -> list[Row]:
    """A fresh agent for each row."""
    rows = []
    async with stand() as servers:
        for load in loads:
            for count in counts:
                async with servers.agent(max_talkers="100") as agent:
                    rows.append(await run(servers, agent, count, load, seconds))
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--speakers", default="10,30,60", help="numbers of clients, with commas")
    parser.add_argument("--load", choices=["meeting", "talking"], action="append")
    parser.add_argument("--seconds", type=float, default=40.0, help="length of a run")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    wanted = parser.parse_args()
    counts = [int(part) for part in wanted.speakers.split(",")]
    rows = asyncio.run(measure(counts, wanted.load or ["meeting"], wanted.seconds))
    title = f"/v1/stream on one core (machine load {os.getloadavg()[0]:.1f})"
    show(rows, title=title, as_json=wanted.json)


if __name__ == "__main__":
    main()
