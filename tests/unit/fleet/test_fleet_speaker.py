"""One speaker's pipeline with faults put in: its own captions suffer, nothing else does."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest

from agent_fleet.dispatcher import Caption
from agent_fleet.frames import Frame
from agent_fleet.gate import SpeechGate
from agent_fleet.heard import Heard
from agent_fleet.speaker import PipelineState, Speaker, SpeakerParts
from agent_fleet.speaker_track import SpeakerTrack
from agent_fleet.transcriber import Transcriber
from agent_fleet.vosk_recogniser import VoskModel
from parley.errors import RecogniserError
from tests.unit.fleet.conftest import frames, quiet, speech

TRACK = SpeakerTrack("RM_a", "room", "TR_a", "alice", "Alice", "en")
SENTENCE = "can you review the budget"
COOL_S = 0.3


class Shown:
    """The captions that the room was shown."""

    def __init__(self) -> None:
        self.captions: list[Caption] = []
        self.delay_s = 0.0

    async def send(self, track: SpeakerTrack, caption: Caption) -> None:
        await asyncio.sleep(self.delay_s)
        self.captions.append(caption)

    @property
    def finals(self) -> list[str]:
        return [c.text for c in self.captions if c.final and c.text]


class FaultyTranscriber(Transcriber):
    """Shows a partial, then fails or hangs while `fault` says so."""

    fault: str | None = None
    released = threading.Event()

    def __init__(self) -> None:
        self.talking_now = False

    @property
    def talking(self) -> bool:
        return False

    @property
    def passed(self) -> int:
        return 0

    def feed(self, given: object) -> Iterator[Heard]:
        if FaultyTranscriber.fault == "shows":
            yield Heard(False, "half a", 0, 1_600)
            return
        if FaultyTranscriber.fault == "raises":
            raise RecogniserError("no more")
        if FaultyTranscriber.fault == "surprise":
            raise ZeroDivisionError
        if FaultyTranscriber.fault == "hangs":
            FaultyTranscriber.released.wait(10)
        yield Heard(True, "all is well", 0, 1_600)

    def close(self) -> Iterator[Heard]:
        yield from ()

    def release(self) -> None: ...


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def parts(model: VoskModel, shown: Shown) -> SpeakerParts:
    return SpeakerParts(
        make_transcriber=lambda _: Transcriber(model.recogniser(16_000), SpeechGate()),
        captions=shown,
        segments=None,
        recorder=None,
        joining=lambda: 1,
        admission=lambda: None,
        first_number=None,
        caption_sent=lambda _: None,
        queue_frames=500,
        loud_rms=100.0,
        breaker_failures=3,
        breaker_cool_s=COOL_S,
        watchdog_s=0.4,
        idle_s=300.0,
    )


@pytest.fixture(autouse=True)
def _no_fault() -> Iterator[None]:
    FaultyTranscriber.fault = None
    FaultyTranscriber.released = threading.Event()
    yield
    FaultyTranscriber.released.set()


async def until(check: Callable[[], bool], limit_s: float = 5.0) -> None:
    deadline = time.monotonic() + limit_s
    while not check():
        assert time.monotonic() < deadline, "not within the limit"
        await asyncio.sleep(0.005)


async def tended(speaker: Speaker, check: Callable[[], bool], limit_s: float = 5.0) -> None:
    deadline = time.monotonic() + limit_s
    while not check():
        assert time.monotonic() < deadline, "not within the limit"
        speaker.tend()
        await asyncio.sleep(0.01)


def give(speaker: Speaker, given: list[Frame]) -> None:
    for frame in given:
        speaker.input.receive(frame.pcm)


def loud() -> Frame:
    return frames(speech("hello")[3_200:4_800], ms=100)[0]


async def test_a_speaker_is_heard_and_closed(parts: SpeakerParts, shown: Shown) -> None:
    speaker = Speaker(TRACK, parts, published_ms=5)
    speaker.start()
    give(speaker, frames(np.concatenate([quiet(0.5), speech(SENTENCE)])))
    await speaker.close()
    assert shown.finals == [SENTENCE]
    assert speaker.state is PipelineState.CLOSED
    assert {c.segment_id for c in shown.captions} == {"TR_a.live.0"}


@pytest.mark.skipif(sys.platform != "linux", reason="threads have their own niceness on Linux only")
async def test_its_thread_gives_way_as_it_is_told(parts: SpeakerParts, shown: Shown) -> None:
    found: list[int] = []

    def make(_: str) -> Transcriber:
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))
        return parts.make_transcriber("en")

    own = os.getpriority(os.PRIO_PROCESS, 0)
    speaker = Speaker(TRACK, replace(parts, make_transcriber=make, niceness=19), published_ms=5)
    speaker.start()
    give(speaker, [loud()])
    await speaker.close()
    assert found == [19]
    assert os.getpriority(os.PRIO_PROCESS, 0) == own


async def test_what_was_taken_over_is_no_lag(parts: SpeakerParts) -> None:
    FaultyTranscriber.fault = "hangs"
    parts = replace(parts, make_transcriber=lambda _: FaultyTranscriber(), watchdog_s=20.0)
    speaker = Speaker(TRACK, parts, published_ms=5)
    speaker.start()
    give(speaker, [loud()] * 20)
    await until(lambda: speaker.lag_ms > 1_000)
    speaker.took_over()
    assert speaker.lag_ms == 0
    give(speaker, [loud()] * 5)
    assert speaker.lag_ms == 500
    FaultyTranscriber.released.set()
    await speaker.close()


@pytest.mark.parametrize("fault", ["raises", "surprise"])
async def test_failures_in_a_row_open_the_breaker_and_it_recovers(
    parts: SpeakerParts, shown: Shown, fault: str
) -> None:
    FaultyTranscriber.fault = fault
    parts = replace(parts, make_transcriber=lambda _: FaultyTranscriber())
    speaker = Speaker(TRACK, parts, published_ms=5)
    speaker.start()
    for _ in range(6):
        give(speaker, [loud()])
    await until(lambda: speaker.state is PipelineState.COOLING)
    assert speaker.breaker.state == "opened"
    assert speaker.failures == 3
    speaker.tend()
    assert speaker.state is PipelineState.COOLING  # not yet

    FaultyTranscriber.fault = None
    await tended(speaker, lambda: speaker.state is PipelineState.LIVE)
    give(speaker, [loud()])
    await until(lambda: speaker.breaker.state == "closed")
    await speaker.close()
    assert "all is well" in shown.finals


async def test_what_was_shown_before_a_failure_is_taken_back(
    parts: SpeakerParts, shown: Shown
) -> None:
    FaultyTranscriber.fault = "shows"
    parts = replace(parts, make_transcriber=lambda _: FaultyTranscriber())
    speaker = Speaker(TRACK, parts, published_ms=5)
    speaker.start()
    give(speaker, [loud()])
    await until(lambda: [c.text for c in shown.captions] == ["half a"])
    FaultyTranscriber.fault = "surprise"
    give(speaker, [loud()])
    await until(lambda: len(shown.captions) == 2)
    assert (shown.captions[1].final, shown.captions[1].text) == (True, "")
    assert shown.captions[1].segment_id == shown.captions[0].segment_id
    await speaker.close()


async def test_a_half_open_breaker_opens_at_the_first_failure(parts: SpeakerParts) -> None:
    FaultyTranscriber.fault = "raises"
    parts = replace(parts, make_transcriber=lambda _: FaultyTranscriber())
    speaker = Speaker(TRACK, parts, published_ms=5)
    speaker.start()
    for _ in range(4):
        give(speaker, [loud()])
    await until(lambda: speaker.state is PipelineState.COOLING)
    failures = speaker.failures
    await tended(speaker, lambda: speaker.state is PipelineState.LIVE)
    give(speaker, [loud()])
    await until(lambda: speaker.state is PipelineState.COOLING)
    assert speaker.failures - failures <= 2  # one try, with what was kept or what came
    assert speaker.breaker.opened == 2
    await speaker.close()


async def test_one_failure_costs_one_utterance_only(parts: SpeakerParts, shown: Shown) -> None:
    parts = replace(parts, make_transcriber=lambda _: FaultyTranscriber())
    speaker = Speaker(TRACK, parts, published_ms=5)
    speaker.start()
    FaultyTranscriber.fault = "raises"
    give(speaker, [loud()])
    await until(lambda: speaker.failures == 1)
    FaultyTranscriber.fault = None
    give(speaker, [loud()])
    await until(lambda: bool(shown.finals))
    assert speaker.state is PipelineState.LIVE
    assert speaker.breaker.state == "closed"
    await speaker.close()


async def test_a_hanging_recogniser_is_given_up_and_replaced(
    parts: SpeakerParts, shown: Shown
) -> None:
    FaultyTranscriber.fault = "hangs"
    parts = replace(parts, make_transcriber=lambda _: FaultyTranscriber())
    speaker = Speaker(TRACK, parts, published_ms=5)
    speaker.start()
    give(speaker, [loud()])
    await tended(speaker, lambda: speaker.state is PipelineState.COOLING)
    assert speaker.breaker.state == "opened"
    FaultyTranscriber.fault = None
    await tended(speaker, lambda: speaker.state is PipelineState.LIVE)
    give(speaker, [loud()])
    await until(lambda: bool(shown.finals))
    shown.captions.clear()
    FaultyTranscriber.released.set()  # the lost thread wakes: nobody hears it any more
    await asyncio.sleep(0.05)
    assert shown.captions == []
    await speaker.close()


async def test_closing_does_not_wait_for_a_hanging_recogniser(parts: SpeakerParts) -> None:
    FaultyTranscriber.fault = "hangs"
    parts = replace(parts, make_transcriber=lambda _: FaultyTranscriber())
    speaker = Speaker(TRACK, parts, published_ms=5)
    speaker.start()
    give(speaker, [loud()])
    begun = time.monotonic()
    await speaker.close(limit_s=0.3)
    assert time.monotonic() - begun < 2
    assert speaker.state is PipelineState.CLOSED


async def test_a_slow_room_skips_partials_and_never_finals(
    parts: SpeakerParts, shown: Shown
) -> None:
    shown.delay_s = 0.15
    speaker = Speaker(TRACK, parts, published_ms=5)
    speaker.start()
    samples = np.concatenate([speech(SENTENCE), quiet(1), speech("the report is ready"), quiet(1)])
    give(speaker, frames(samples))
    await speaker.close()
    assert shown.finals == [SENTENCE, "the report is ready"]
    assert speaker.dispatcher.captions_skipped > 3
    assert len({c.segment_id for c in shown.captions if c.final}) == 2


async def test_one_who_is_refused_waits_and_is_heard_when_there_is_room(
    parts: SpeakerParts, shown: Shown
) -> None:
    full: list[str | None] = ["this agent already hears 30 speakers"]
    parts = replace(parts, admission=lambda: full[0])
    speaker = Speaker(TRACK, parts, published_ms=5)
    speaker.start()
    give(speaker, frames(speech(SENTENCE)))
    speaker.tend()
    assert speaker.state is PipelineState.WAITING
    assert speaker.reason == full[0]
    full[0] = None
    speaker.tend()
    give(speaker, frames(np.concatenate([quiet(0.5), speech("the report is ready")])))
    await speaker.close()
    assert shown.finals == ["the report is ready"]


async def test_an_idle_speakers_thread_ends_and_speech_brings_it_back(
    parts: SpeakerParts, shown: Shown
) -> None:
    parts = replace(parts, idle_s=0.1)
    speaker = Speaker(TRACK, parts, published_ms=5)
    speaker.start()
    give(speaker, frames(quiet(1)))
    await tended(speaker, lambda: speaker.state is PipelineState.IDLE)
    give(speaker, frames(quiet(1, 30)))
    await asyncio.sleep(0)
    assert speaker.state is PipelineState.IDLE
    said = frames(np.concatenate([quiet(0.3), speech(SENTENCE)]))
    for frame in said:
        give(speaker, [frame])
        await asyncio.sleep(0.002)
    await speaker.close()
    assert shown.finals == [SENTENCE]


async def test_a_language_is_changed_between_two_utterances_without_losing_a_word(
    parts: SpeakerParts, shown: Shown, model: VoskModel
) -> None:
    asked: list[str] = []

    def make(language: str) -> Transcriber:
        asked.append(language)
        return Transcriber(model.recogniser(16_000), SpeechGate())

    speaker = Speaker(TRACK, replace(parts, make_transcriber=make), published_ms=5)
    speaker.start()
    samples = np.concatenate([speech(SENTENCE), quiet(3), speech("the report is ready")])
    given = frames(samples)
    half = len(given) // 3
    give(speaker, given[:half])
    change = asyncio.create_task(speaker.change_language("ko"))
    for frame in given[half:]:
        give(speaker, [frame])
        await asyncio.sleep(0.005)
    await change
    await speaker.close()
    assert shown.finals == [SENTENCE, "the report is ready"]
    assert asked == ["en", "ko"]
    assert speaker.track.language == "ko"
    assert len({c.segment_id for c in shown.captions if c.final}) == 2
