"""One run: people speak in a room, one client receives the captions, everything is measured."""

import asyncio
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import jiwer
import vosk

from agent_fleet.languages import PROJECT_MODEL
from bench.speech_load import Load, ScriptedSpeaker, speakers
from bench.stand import Agent, Stand, publishing
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


async def run(
    stand: Stand, agent: Agent, count: int, load: Load, seconds: float, variant: str = "full"
) -> Row:
    """So many people speak for so long."""
    people = speakers(count, load, seconds)
    async with stand.room(agent) as room:
        token = stand.listener_token(room)
        async with Listener(stand.settings.livekit_url, token, lambda _: None) as listener:
            async with publishing(stand.settings, room, people) as publisher:
                await publisher.all_started(count)
                agent.mark()
                await asyncio.sleep(seconds - 1.0)
                usage = agent.usage()
                pipelines = await agent.pipelines()
                await asyncio.sleep(_SETTLE_S)
            captions = list(listener.captions)
    lines = [
        line
        for number, person in enumerate(people)
        for line in scripted_lines(
            person, f"speaker-{number:03}", *publisher.started[_name(number)]
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
        lost_utterances=_lost(lines, captions),
        utterances=len(lines),
        rss_mb=round(usage.rss_mb),
        wer=round(100 * error_rate(lines, captions), 2),
        floor_wer=round(100 * floor_wer(people), 2),
    )


def floor_wer(people: Iterable[ScriptedSpeaker]) -> float:
    """The error rate of a bare recogniser loop on the same audio, before it was encoded."""
    vosk.SetLogLevel(-1)
    model = vosk.Model(str(PROJECT_MODEL))
    reference, hypothesis = [], []
    for person in people:
        recogniser = vosk.KaldiRecognizer(model, 16_000)
        samples = person.samples()
        said = []
        for at in range(0, len(samples), 1600):
            if recogniser.AcceptWaveform(samples[at : at + 1600].tobytes()):
                said.append(json.loads(recogniser.Result())["text"])
        said.append(json.loads(recogniser.FinalResult())["text"])
        reference.append(" ".join(word.text for word in person.words))
        hypothesis.append(" ".join(part for part in said if part))
    return _error_rate(reference, hypothesis)


def _name(number: int) -> str:
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


def _lost(lines: Sequence[SpokenLine], captions: Sequence[Caption]) -> int:
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
