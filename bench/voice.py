"""Captions while the assistant speaks, and how soon it does: `python -m bench.voice`.

One run, in which stretches with and without speech alternate, so that both see the same machine.
The agent and its speech engine's process share one core, as on the smallest machine.
"""

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import psutil

from bench.captions import scripted_lines
from bench.speech_load import Load, speakers
from bench.stand import Agent, Stand, publishing, stand
from bench.table import show
from bench.voice_caller import Caller, Request
from parley.livekit_api import LiveKit, LiveRoom
from parley.models import DEFAULT_VOICE, locate
from parley_cli.demo.latency import caption_latencies, percentile
from parley_cli.demo.listener import Caption, Listener
from parley_cli.demo.participant import SpokenLine

_SETTLE_S = 2.5
_TAIL_S = 0.4  # the end of a request's sound, which must not be taken for the next one's start
_EDGE_MS = 500  # at the borders of a stretch, where both could be meant
_TEXTS = (
    "Two action items are open.",
    "Carol said that the contract will be ready on Thursday.",
    "The next meeting is on Monday at ten. Please bring your figures.",
)


@dataclass(frozen=True)
class Stretch:
    """A time in which the assistant spoke without end, or not at all; ms since the epoch."""

    speaking: bool
    start_ms: int
    end_ms: int

    def holds(self, line: SpokenLine) -> bool:
        """Whether an utterance lies wholly within."""
        return self.start_ms <= line.start_ms and line.end_ms <= self.end_ms


@dataclass(frozen=True)
class CaptionRow:
    """How late captions were; times in ms from the end of a word to a client."""

    engine: str
    speakers: int
    speech: str
    words: int
    partial_p50_ms: float
    partial_p95_ms: float
    final_p50_ms: float
    final_p95_ms: float


@dataclass(frozen=True)
class SpeechRow:
    """How soon the room heard the assistant; times in ms from sending the request.

    Attributes:
        cold_ms: the first request of the process, which loads the engine.
        begun_p50_ms: until the first frame was handed to LiveKit, as `tts_status` tells it.
        heard_p50_ms: until the first sound came out of a client's decoder.
        engine_rss_mb: memory of the engine's process.
    """

    engine: str
    requests: int
    failed: int
    cold_ms: int
    begun_p50_ms: float
    begun_p95_ms: float
    heard_p50_ms: float
    heard_p95_ms: float
    engine_rss_mb: int


async def measure(
    servers: Stand, engine: str, count: int, load: Load, stretch_s: float, times: int
) -> tuple[list[CaptionRow], SpeechRow]:
    """One room in which people speak, and the assistant in every other stretch."""
    seconds = 2 * times * stretch_s + 5
    people = speakers(count, load, seconds)
    changes = {"voice_engine": engine, "interruption": "off"}
    async with servers.agent(**changes) as agent, servers.room(agent) as room:
        url = servers.settings.livekit_url
        async with (
            Listener(url, servers.listener_token(room), lambda _: None) as listener,
            Caller(url, _token(servers, room, "caller")) as caller,
        ):
            cold = await caller.say(_TEXTS[0])
            async with publishing(servers.settings, room, people) as publisher:
                await publisher.all_started(count)
                stretches = await _alternate(caller, stretch_s, times)
                rss_mb = _engine_rss_mb(agent)
            await asyncio.sleep(_SETTLE_S)
            captions = list(listener.captions)
    lines = [
        line
        for number, person in enumerate(people)
        for name in [f"speaker-{number:03}"]
        for line in scripted_lines(person, name, *publisher.started[name])
    ]
    rows = [
        _caption_row(engine, count, speaking, stretches, lines, captions)
        for speaking in (False, True)
    ]
    return rows, _speech_row(engine, cold, list(caller.requests.values())[1:], rss_mb)


async def _alternate(caller: Caller, stretch_s: float, times: int) -> list[Stretch]:
    texts = cycle(_TEXTS)
    found = []
    for _ in range(times):
        for speaking in (False, True):
            started = time.monotonic()
            start_ms = _now_ms() + _EDGE_MS
            if speaking:
                while time.monotonic() - started < stretch_s:
                    await caller.say(next(texts))
                    await asyncio.sleep(_TAIL_S)
            else:
                await asyncio.sleep(stretch_s)
            found.append(Stretch(speaking, start_ms, _now_ms()))
    return found


def _caption_row(
    engine: str,
    count: int,
    speaking: bool,
    stretches: Sequence[Stretch],
    lines: Sequence[SpokenLine],
    captions: Sequence[Caption],
) -> CaptionRow:
    chosen = [stretch for stretch in stretches if stretch.speaking == speaking]
    of_these = [line for line in lines if any(stretch.holds(line) for stretch in chosen)]
    shown = [
        caption
        for caption in captions
        if any(s.start_ms - _EDGE_MS <= caption.start_ms <= s.end_ms for s in chosen)
    ]
    latencies = caption_latencies(of_these, shown)
    return CaptionRow(
        engine=engine,
        speakers=count,
        speech="with" if speaking else "without",
        words=len(latencies.partial_ms),
        partial_p50_ms=percentile(latencies.partial_ms, 50),
        partial_p95_ms=percentile(latencies.partial_ms, 95),
        final_p50_ms=percentile(latencies.final_ms, 50),
        final_p95_ms=percentile(latencies.final_ms, 95),
    )


def _speech_row(engine: str, cold: Request, requests: Sequence[Request], rss_mb: int) -> SpeechRow:
    spoken = [request for request in requests if "done" in request.states]
    begun = [request.begun_after_ms for request in spoken]
    heard = [request.heard_after_ms for request in spoken if request.heard_ms]
    return SpeechRow(
        engine=engine,
        requests=len(requests),
        failed=len(requests) - len(spoken),
        cold_ms=cold.begun_after_ms,
        begun_p50_ms=percentile(begun, 50),
        begun_p95_ms=percentile(begun, 95),
        heard_p50_ms=percentile(heard, 50),
        heard_p95_ms=percentile(heard, 95),
        engine_rss_mb=rss_mb,
    )


def _token(servers: Stand, room: LiveRoom, identity: str) -> str:
    return LiveKit.from_settings(servers.settings).join_token(room.name, identity)


def _engine_rss_mb(agent: Agent) -> int:
    children = psutil.Process(agent.process.pid).children()
    return sum(round(child.memory_info().rss / 1e6) for child in children)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


async def main_async(
    engines: Sequence[str], count: int, load: Load, stretch_s: float, times: int
) -> tuple[list[CaptionRow], list[SpeechRow]]:
    """Measure on servers of its own, a fresh agent for each engine."""
    captions: list[CaptionRow] = []
    speech: list[SpeechRow] = []
    async with stand() as servers:
        for engine in engines:
            rows, row = await measure(servers, engine, count, load, stretch_s, times)
            captions += rows
            speech.append(row)
            print(f"{engine}: done", file=sys.stderr)
    return captions, speech


def main() -> None:
    """Measure and print."""
    here = ["espeak", *(["kokoro-onnx"] if locate(DEFAULT_VOICE) else [])]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", action="append", help="default: those that are here")
    parser.add_argument("--speakers", type=int, default=4)
    parser.add_argument("--load", choices=["meeting", "talking"], default="talking")
    parser.add_argument("--stretch", type=float, default=12.0, help="seconds with, and without")
    parser.add_argument("--times", type=int, default=3, help="how often both")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    wanted = parser.parse_args()
    captions, speech = asyncio.run(
        main_async(
            wanted.engine or here, wanted.speakers, wanted.load, wanted.stretch, wanted.times
        )
    )
    load = f"machine load {os.getloadavg()[0]:.1f}"
    show(captions, title=f"Captions while the assistant speaks ({load})", as_json=wanted.json)
    show(speech, title="How soon the assistant is heard", as_json=wanted.json)


if __name__ == "__main__":
    main()
