"""One run: people speak in a room, one client receives the captions, everything is measured."""

import asyncio
import json
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import jiwer

from agent_fleet.languages import PROJECT_MODEL
from agent_fleet.model_folder import suited
from agent_fleet.vosk_library import KERNELS, vosk
from bench.speech_load import Load, ScriptedSpeaker, speakers
from bench.stand import STEADY, Agent, Network, Stand, Strangers, publishing
from parley_cli.demo.latency import CaptionLatencies, caption_latencies, percentile
from parley_cli.demo.listener import Caption, Listener
from parley_cli.demo.participant import SpokenLine, SpokenWord

_SETTLE_S = 2.5  # for the last final caption


@dataclass(frozen=True)
class Row:
    """What one run showed; times in ms, from the end of a word's audio to the client."""

    speakers: int
    load: str
    variant: str
    cpu_pct: float
    received_ratio: float
    partial_p50_ms: float
    partial_p95_ms: float
    partial_p99_ms: float
    final_p50_ms: float
    final_p95_ms: float
    final_p99_ms: float
    dropped: int
    lost_utterances: int
    utterances: int
    rss_mb: float
    wer: float
    floor_wer: float
    strangers_pct: float
    """Processor time of what is no part of this run, in percent of one core: above 20 the row
    says little."""


async def run(
    stand: Stand,
    agent: Agent,
    count: int,
    load: Load,
    seconds: float,
    variant: str = "full",
    *,
    readers: bool = False,
    network: Network = STEADY,
) -> Row:
    """So many people speak for so long.

    Args:
        stand: the servers.
        agent: who is measured.
        count: how many people.
        load: how they speak.
        seconds: how long.
        variant: what is said of the agent in the row.
        readers: whether the speakers get captions too, and not the listening client alone: work
            for LiveKit that grows with the square of their number, on the machine of the bench.
        network: the speakers' way to LiveKit; what it delays counts as late.
    """
    people = speakers(count, load, seconds)
    async with stand.room(agent) as room:
        token = stand.listener_token(room)
        async with Listener(stand.settings.livekit_url, token, lambda _: None) as listener:
            muted = count if load == "muted" else 0
            async with publishing(
                stand.settings, room, people, silent=muted, readers=readers, network=network
            ) as publisher:
                await publisher.all_started(count)
                agent.mark()
                strangers = Strangers()
                await asyncio.sleep(seconds - 1.0)
                usage, strangers_pct = agent.usage(), strangers.pct()
                pipelines = await agent.pipelines()
                await asyncio.sleep(_SETTLE_S)
            captions = list(listener.captions)
    lines = [
        line
        for number, person in enumerate(people)
        for line in scripted_lines(
            person, speaker_name(number), *publisher.started[speaker_name(number)]
        )
    ]
    latencies = caption_latencies(lines, captions)
    ratios = [p["received_ratio"] or 0.0 for p in pipelines] or [0.0]
    return Row(
        speakers=count,
        load=load,
        variant=variant,
        cpu_pct=round(usage.cpu_pct, 1),
        received_ratio=round(min(ratios), 4),
        **_percentiles(latencies),
        dropped=sum(p["dropped"] for p in pipelines),
        lost_utterances=lost(lines, captions),
        utterances=len(lines),
        rss_mb=round(usage.rss_mb),
        wer=round(100 * error_rate(lines, captions), 2),
        floor_wer=bare_loop(tuple(people), load).wer,
        strangers_pct=strangers_pct,
    )


@cache
def bare_loop(people: tuple[ScriptedSpeaker, ...], load: Load) -> Row:
    """The floor: nothing but the recogniser, fed the audio before it was encoded, 100 ms a call.

    It is fed as fast as it takes it: its CPU is what it would use in real time, and its captions
    come at the end of the audio that they were heard in.
    """
    with suited(PROJECT_MODEL, KERNELS) as folder:
        model = vosk.Model(str(folder))
    captions: list[Caption] = []
    began_s = time.process_time()
    for number, person in enumerate(people):
        captions += _heard_by_bare_loop(vosk.KaldiRecognizer(model, 16_000), person, number)
    cpu_s = time.process_time() - began_s
    lines = [
        line
        for number, person in enumerate(people)
        for line in scripted_lines(person, speaker_name(number), 0, speaker_name(number))
    ]
    wer = round(100 * error_rate(lines, captions), 2)
    return Row(
        speakers=len(people),
        load=load,
        variant="bare loop",
        cpu_pct=round(100 * cpu_s / people[0].seconds, 1),
        received_ratio=1.0,
        **_percentiles(caption_latencies(lines, captions)),
        dropped=0,
        lost_utterances=lost(lines, captions),
        utterances=len(lines),
        rss_mb=0,
        wer=wer,
        floor_wer=wer,
        strangers_pct=0.0,
    )


def _heard_by_bare_loop(recogniser: Any, person: ScriptedSpeaker, number: int) -> list[Caption]:
    samples, name = person.samples(), speaker_name(number)
    found: list[Caption] = []
    segment = 0

    def note(answer: str, at: int) -> None:
        nonlocal segment
        parsed = json.loads(answer)
        final = "text" in parsed
        if text := parsed.get("text") or parsed.get("partial"):
            words = parsed.get("result") or [{"start": at / 16_000}]
            start_ms = int(words[0]["start"] * 1000)
            found.append(Caption(name, name, f"{name}.{segment}", text, final, start_ms, at // 16))
        segment += final and bool(text)

    recogniser.SetWords(True)
    for at in range(0, len(samples), 1600):
        ended = recogniser.AcceptWaveform(samples[at : at + 1600].tobytes())
        note(recogniser.Result() if ended else recogniser.PartialResult(), at + 1600)
    note(recogniser.FinalResult(), len(samples))
    return found


def speaker_name(number: int) -> str:
    """The identity that `publishing` gives to this one of the speakers."""
    return f"speaker-{number:03}"


def scripted_lines(
    person: ScriptedSpeaker, identity: str, started_ms: int, track_sid: str
) -> list[SpokenLine]:
    """A speaker's utterances, whose file began to be played at `started_ms`."""
    found = []
    for first, last in person.utterances:
        words = tuple(
            SpokenWord(w.text, started_ms + w.start_ms, started_ms + w.end_ms)
            for w in person.words[first:last]
        )
        text = " ".join(w.text for w in words)
        found.append(
            SpokenLine(identity, track_sid, text, words[0].start_ms, words[-1].end_ms, words)
        )
    return found


def _percentiles(latencies: CaptionLatencies) -> dict[str, float]:
    return {
        f"{name}_p{percent}_ms": percentile(values, percent)
        for name, values in (("partial", latencies.partial_ms), ("final", latencies.final_ms))
        for percent in (50, 95, 99)
    }


def lost(lines: Sequence[SpokenLine], captions: Sequence[Caption]) -> int:
    """Utterances of which no final caption holds a word, by time."""
    finals: dict[str, list[Caption]] = {}
    for caption in captions:
        if caption.final and caption.text:
            finals.setdefault(caption.track_sid, []).append(caption)
    return sum(
        not any(
            line.start_ms - 1000 <= caption.start_ms <= line.end_ms + 1000
            for caption in finals.get(line.track_sid, [])
        )
        for line in lines
    )


def error_rate(lines: Sequence[SpokenLine], captions: Sequence[Caption]) -> float:
    """The word error rate of all final captions, speaker by speaker."""
    reference: dict[str, list[str]] = {}
    for line in lines:
        reference.setdefault(line.track_sid, []).append(line.text)
    hypothesis: dict[str, list[str]] = {track: [] for track in reference}
    for caption in captions:
        if caption.final and caption.track_sid in hypothesis:
            hypothesis[caption.track_sid].append(re.sub(r"\s+", " ", caption.text))
    tracks = list(reference)
    return _error_rate(
        [" ".join(reference[t]) for t in tracks], [" ".join(hypothesis[t]) for t in tracks]
    )


def _error_rate(reference: Sequence[str], hypothesis: Sequence[str]) -> float:
    """Word errors by words said; those who said nothing count with what was heard of them."""
    errors = words = 0
    for said, heard in zip(reference, hypothesis, strict=True):
        if not said:
            errors += len(heard.split())
            continue
        out = jiwer.process_words(said, heard)
        errors += out.substitutions + out.deletions + out.insertions
        words += len(said.split())
    return errors / words if words else float(errors)
