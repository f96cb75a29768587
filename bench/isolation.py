"""What one speaker's fault does to the others: `python -m bench.isolation`.

Thirty people speak in a room, each saying words that no other says. In the middle of each run one
speaker's recogniser begins to raise, to hang or to return rubbish, their captions stop going out,
or clients with odd sample rates come to `/v1/stream`; the other 29 are compared with themselves
before. The agent has a core of its own.
"""

import argparse
import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from bench.captions import lost, scripted_lines, speaker_name
from bench.faulty_agent import FAULTS
from bench.speech_load import own_words, speakers
from bench.stand import Agent, Stand, Strangers, publishing, stand
from bench.table import show
from parley.auth.tokens import mint
from parley_cli.demo.latency import caption_latencies, percentile
from parley_cli.demo.listener import Caption, Listener
from parley_cli.demo.participant import SpokenLine

_SETTLE_S = 2.5
_VICTIM = 0
ODD_RATES = "odd rates"
_RATES = (0, -1, 8_000, 11_025, 22_050, 44_100, 47_999)


@dataclass(frozen=True)
class Row:
    """The other speakers in one run, in ms, before the fault and during it."""

    fault: str
    speakers: int
    partial_p95_before_ms: float
    partial_p95_during_ms: float
    change_pct: float
    final_p95_before_ms: float
    final_p95_during_ms: float
    lost_utterances: int
    crossed_segments: int
    victim: str
    strangers_pct: float


async def run(servers: Stand, fault: str, count: int, seconds: float) -> Row:
    """One run, whose second half has the fault."""
    people = speakers(count, "own", seconds)
    victim = speaker_name(_VICTIM)
    injected = fault if fault in FAULTS else "none"
    async with (
        servers.agent(program=("bench.faulty_agent", injected, victim)) as agent,
        servers.room(agent) as room,
        Listener(
            servers.settings.livekit_url, servers.listener_token(room), lambda _: None
        ) as listener,
    ):
        async with publishing(servers.settings, room, people, readers=False) as publisher:
            await publisher.all_started(count)
            strangers = Strangers()
            await asyncio.sleep(seconds / 2)
            fault_ms = time.time_ns() // 1_000_000
            agent.process.send_signal(signal.SIGUSR1)
            if fault == ODD_RATES:
                await odd_clients(servers, agent, seconds / 2 - 4)
            else:
                await asyncio.sleep(seconds / 2 - 1)
            pipelines, strangers_pct = await agent.pipelines(), strangers.pct()
            await asyncio.sleep(_SETTLE_S)
        captions = list(listener.captions)
    of = {p["identity"]: p for p in pipelines}[victim]
    lines = [
        line
        for number, person in enumerate(people)
        for line in scripted_lines(
            person, speaker_name(number), *publisher.started[speaker_name(number)]
        )
    ]
    others = [line for line in lines if line.identity != victim]
    before = [line for line in others if line.end_ms < fault_ms]
    during = [line for line in others if line.start_ms >= fault_ms]
    early = caption_latencies(before, [c for c in captions if c.arrived_ms < fault_ms + 500])
    late = caption_latencies(during, [c for c in captions if c.start_ms >= fault_ms - 300])
    was, now = percentile(early.partial_ms, 95), percentile(late.partial_ms, 95)
    return Row(
        fault=fault,
        speakers=count,
        partial_p95_before_ms=was,
        partial_p95_during_ms=now,
        change_pct=round(100 * (now - was) / was, 1) if was else 0.0,
        final_p95_before_ms=percentile(early.final_ms, 95),
        final_p95_during_ms=percentile(late.final_ms, 95),
        lost_utterances=lost(others, captions),
        crossed_segments=crossed(lines, captions),
        victim=f"{of['state']}, {of['failures']} failures, {of['captions_failed']} unsent",
        strangers_pct=strangers_pct,
    )


def crossed(lines: Sequence[SpokenLine], captions: Sequence[Caption]) -> int:
    """Final captions that hold two words which only one other speaker says."""
    numbers = {line.track_sid: int(line.identity.rsplit("-", 1)[1]) for line in lines}
    wrong = 0
    for caption in captions:
        if not caption.final or caption.track_sid not in numbers:
            continue
        said = set(caption.text.split())
        wrong += any(
            len(said & own_words(number)) >= 2
            for number in set(numbers.values()) - {numbers[caption.track_sid]}
        )
    return wrong


async def odd_clients(servers: Stand, agent: Agent, seconds: float) -> None:
    """Clients of `/v1/stream` with odd rates, odd byte counts and garbage."""
    token = mint(servers.settings, sub="bench", role="service")
    url = f"{agent.settings.fleet_url.replace('http', 'ws')}/v1/stream?token={token}"
    await asyncio.gather(*(_odd_client(url, rate, seconds) for rate in _RATES))


async def _odd_client(url: str, rate: int, seconds: float) -> None:
    noise = np.random.default_rng(abs(rate)).normal(0, 3_000, 48_000).astype(np.int16).tobytes()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with contextlib.suppress(ConnectionClosed):
            async with connect(url, compression=None) as socket:
                await socket.send(f'{{"config": {{"sample_rate": {rate}}}}}')
                while time.monotonic() < until:
                    await socket.send(noise[: 2 * max(rate, 8_000) // 10 + 1])
                    await socket.recv()
                    await asyncio.sleep(0.1)
        await asyncio.sleep(0.2)


async def measure(faults: Sequence[str], count: int, seconds: float, as_json: bool) -> list[Row]:
    """A fresh agent for each fault."""
    rows = []
    async with stand() as servers:
        for fault in faults:
            rows.append(await run(servers, fault, count, seconds))
            if as_json:
                show(rows[-1:], as_json=True)
    return rows


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    choices = [*FAULTS, ODD_RATES]
    parser.add_argument("--fault", choices=choices, action="append", help="all without it")
    parser.add_argument("--speakers", type=int, default=30, help="up to 30")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of a run")
    parser.add_argument("--json", action="store_true", help="one JSON object a row")
    wanted = parser.parse_args()
    rows = asyncio.run(
        measure(wanted.fault or choices, wanted.speakers, wanted.seconds, wanted.json)
    )
    if not wanted.json:
        show(rows, title=f"One speaker's fault (machine load {os.getloadavg()[0]:.1f})")


if __name__ == "__main__":
    main()
