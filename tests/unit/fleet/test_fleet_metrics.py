"""What Prometheus is shown, and that it holds no words."""

import asyncio

import numpy as np
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from agent_fleet.dispatcher import Caption
from agent_fleet.languages import PROJECT_MODEL, Languages
from agent_fleet.manager import PipelineManager
from agent_fleet.metrics import FleetMetrics
from agent_fleet.speaker import Speaker, SpeakerParts
from tests.unit.fleet.conftest import frames, quiet, speech
from tests.unit.fleet.test_fleet_speaker import TRACK, Shown, parts, shown, tended

__all__ = ["parts", "shown"]


def _manager(**limits: int) -> PipelineManager:
    given = {"max_speakers": 2, "max_talkers": 2, "max_lag_ms": 1_000} | limits
    return PipelineManager(joining=[(2, 4), (4, 2)], **given)


def _samples(metrics: FleetMetrics) -> dict[str, float]:
    text = generate_latest(metrics.registry).decode()
    assert "budget" not in text
    return {
        sample.name + "".join(f"|{v}" for v in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_pipelines_figures_come_and_go_with_it(parts: SpeakerParts, shown: Shown) -> None:
    manager = _manager()
    metrics = FleetMetrics(manager, backlog=lambda: 7, clock=lambda: 10_000)
    speaker = Speaker(TRACK, parts, published_ms=5)
    manager.add(speaker)
    speaker.start()
    for frame in frames(np.concatenate([speech("can you review the budget"), quiet(1)])):
        speaker.input.receive(frame.pcm)
    await tended(speaker, lambda: bool(shown.finals) and not speaker.behind)
    seen = _samples(metrics)
    assert seen["parley_pipelines"] == 1
    assert seen["parley_segments_total|RM_a|TR_a"] == 1
    assert seen["parley_breaker_state|RM_a|TR_a"] == 0
    assert 0.3 < seen["parley_speech_ratio|RM_a|TR_a"] <= 1
    assert seen["parley_load"] == 0.5
    assert seen["parley_recorder_backlog"] == 7
    await speaker.close()
    manager.remove(speaker)
    assert not [name for name in _samples(metrics) if "TR_a" in name]


def test_caption_latency_is_measured_from_the_audios_end() -> None:
    metrics = FleetMetrics(_manager(), clock=lambda: 10_250)
    metrics.caption_sent(Caption("s", False, "budget", 9_000, 10_000))
    metrics.caption_sent(Caption("s", True, "budget", 9_000, 9_650))
    seen = _samples(metrics)
    assert seen["parley_caption_latency_seconds_sum|partial"] == 0.25
    assert seen["parley_caption_latency_seconds_sum|final"] == 0.6


async def test_loop_lag_is_shown() -> None:
    metrics = FleetMetrics(_manager())
    watching = [asyncio.create_task(metrics.watch_loop(loop)) for loop in ("main", "room")]
    await asyncio.sleep(0.6)
    for task in watching:
        task.cancel()
    for loop in ("main", "room"):
        assert _samples(metrics)[f"parley_loop_lag_seconds_count|{loop}"] == 1
        assert 0 <= _samples(metrics)[f"parley_loop_lag_seconds_sum|{loop}"] < 5


async def test_a_full_agent_says_why_and_joins_frames_by_load(parts: SpeakerParts) -> None:
    manager = _manager()
    assert manager.frames_per_call() == 4
    speakers = [Speaker(TRACK, parts, published_ms=5) for _ in range(5)]
    for number, speaker in enumerate(speakers):
        speaker.track = type(TRACK)("RM_a", "r", f"TR_{number}", "a", "A", "en")
        manager.add(speaker)
        speaker.start()
        expected = 4 if number < 2 else 2 if number < 4 else 1
        assert manager.frames_per_call() == expected
    assert manager.admission() == "this agent already hears 5 speakers"
    assert manager.load() == 1.0
    for speaker in speakers:
        await speaker.close()


def test_a_loaded_models_memory_is_shown() -> None:
    languages = Languages({"en": PROJECT_MODEL}, "en")
    metrics = FleetMetrics(_manager(), languages.memory)
    assert "parley_model_memory_bytes|en" not in _samples(metrics)
    languages.warm("en")
    assert 0 < _samples(metrics)["parley_model_memory_bytes|en"] < 100e6
