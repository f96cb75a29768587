"""One speaker's pipeline: audio, recogniser thread, dispatcher, recording; alone in its faults."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from agent_fleet.breaker import Breaker
from agent_fleet.dispatcher import Caption, CaptionSink, Dispatcher
from agent_fleet.doorkeeper import Doorkeeper
from agent_fleet.frames import Frame, FrameQueue, to_ms
from agent_fleet.heard import Heard
from agent_fleet.recogniser_thread import RecogniserThread
from agent_fleet.segment_storer import SegmentSink
from agent_fleet.speaker_track import SpeakerTrack
from agent_fleet.track_input import TrackInput
from agent_fleet.track_recording import TrackRecorder
from agent_fleet.transcriber import Transcriber
from parley.errors import RecogniserError
from parley.telemetry.logs import get_logger

log = get_logger("speaker")

_KEPT_FRAMES = 8  # of the silence before an idle speaker speaks again
_PATIENCE_S = 15.0  # for the end of an utterance, before its language is changed all the same


class PipelineState(StrEnum):
    """What a speaker's pipeline does now; it records in all states but the last."""

    LIVE = "live"
    WAITING = "waiting"
    """Refused for now: this process is full."""
    COOLING = "cooling"
    """Its recogniser failed too often; it is tried again when the breaker has cooled."""
    IDLE = "idle"
    """Silent for long: its thread and recogniser are given back until it speaks."""
    CLOSED = "closed"


@dataclass(frozen=True)
class SpeakerParts:
    """What a speaker's pipeline is made of."""

    make_transcriber: Callable[[str], Transcriber]
    captions: CaptionSink
    segments: SegmentSink | None
    recorder: Callable[[Callable[[], int]], TrackRecorder] | None
    joining: Callable[[], int]
    admission: Callable[[], str | None]
    first_number: Callable[[], Awaitable[int]] | None
    caption_sent: Callable[[Caption], None]
    queue_frames: int
    loud_rms: float
    breaker_failures: int
    breaker_cool_s: float
    watchdog_s: float
    idle_s: float
    hangover_ms: int = 420
    niceness: int = 5


class Speaker:
    """Owns everything of one track; made, tended and closed on its room's event loop."""

    def __init__(
        self,
        track: SpeakerTrack,
        parts: SpeakerParts,
        *,
        published_ms: int,
        real_time: bool = True,
    ) -> None:
        """Build the pipeline; `start` sets it going.

        Args:
            track: whose it is.
            parts: what it is made of.
            published_ms: when the track was published, in ms since the epoch.
            real_time: whether audio arrives at the pace at which it is spoken.
        """
        self.track = track
        self.state = PipelineState.WAITING
        self.published_ms = published_ms
        self.reason: str | None = None
        self.failures = 0
        self._parts = parts
        self._loop = asyncio.get_running_loop()
        self.breaker = Breaker(
            track.track_sid, failures=parts.breaker_failures, cool_s=parts.breaker_cool_s
        )
        self.recording = parts.recorder(self.started_ms) if parts.recorder else None
        self._door = Doorkeeper(
            self._to_recogniser, loud_rms=parts.loud_rms, hangover_ms=parts.hangover_ms
        )
        consumers = [self._door.take]
        if self.recording:
            consumers.append(self.recording.take)
        self.input = TrackInput(consumers, real_time=real_time)
        self.dispatcher = Dispatcher(
            track,
            started_ms=self.started_ms,
            captions=parts.captions,
            store=parts.segments.append if parts.segments else None,
            first_number=parts.first_number,
            sent=parts.caption_sent,
        )
        self._thread: RecogniserThread | None = None
        self._endings: dict[RecogniserThread, asyncio.Event] = {}
        self._dispatching: asyncio.Task[None] | None = None
        self._kept: list[Frame] = []
        self._open_partial = False
        self._last_heard_s = time.monotonic()
        self._given = 0
        self._taken_over = 0
        self._dropped_before = 0
        self._closed = False

    def started_ms(self) -> int:
        """When the track's first sample was, in ms since the epoch."""
        return self.input.started_ms or self.published_ms

    @property
    def talking(self) -> bool:
        """Whether the speaker is in the middle of an utterance."""
        return self._thread is not None and self._thread.talking

    @property
    def voiced_ms(self) -> int:
        """How much speech the open utterance holds so far; 0 between utterances."""
        return to_ms(self._thread.voiced) if self._thread is not None else 0

    @property
    def queued(self) -> int:
        """Frames that wait for the recogniser."""
        return len(self._thread.frames) if self._thread else 0

    @property
    def dropped(self) -> int:
        """Frames that were dropped because the recogniser did not keep up."""
        return self._dropped_before + (self._thread.frames.dropped if self._thread else 0)

    @property
    def lag_ms(self) -> int:
        """How far the recogniser is behind the audio that arrived, in ms.

        What another agent left over is caught up on, and says nothing of how busy this one is.
        """
        thread = self._thread
        if thread is None or len(thread.frames) == 0:
            return 0
        return max(0, to_ms(self.input.position - max(thread.position, self._taken_over)))

    @property
    def speech_ratio(self) -> float:
        """How much of the audio passed the gate since this thread began, 0..1."""
        thread = self._thread
        return min(1.0, thread.passed / thread.heard) if thread and thread.heard else 0.0

    def took_over(self) -> None:
        """All audio up to now was kept for the time when this agent would take the track over."""
        self._taken_over = self.input.position

    def start(self) -> None:
        """Begin to listen, if there is room; else as soon as there is."""
        self._dispatching = asyncio.create_task(
            self.dispatcher.run(), name=f"dispatch {self.track.track_sid}"
        )
        self.tend()

    def tend(self) -> None:
        """Look after the pipeline; called about twice a second."""
        match self.state:
            case PipelineState.WAITING:
                self.reason = self._parts.admission()
                if self.reason is None:
                    self._listen()
            case PipelineState.COOLING:
                if self.breaker.allows():
                    self._listen()
            case PipelineState.LIVE:
                self._watch()

    async def change_language(self, language: str, wanted: str = "") -> None:
        """Hear what follows in another language; what is being said is finished in the old one."""
        await self.quiet(_PATIENCE_S)  # not in the middle of a word
        if self._closed:
            return
        if language == self.track.language:
            self.track = self.dispatcher.track = self.track.speaking(language, wanted)
            return
        old, self._thread = self._thread, None
        self.track = self.track.speaking(language, wanted)
        if self.state is PipelineState.LIVE:
            self._thread = self._new_thread()  # takes the audio from now on
        if old is not None:
            old.frames.close()
            await self._wait_for(old, self._parts.watchdog_s)
        self.dispatcher.track = self.track
        if self._thread is not None and self.state is PipelineState.LIVE:
            self._thread.start()

    async def quiet(self, limit_s: float) -> bool:
        """Wait until nothing is being said; False when somebody spoke on for so long."""
        patience = time.monotonic() + limit_s
        # A thread sets the flag, so it is looked at.
        while self._speaking() and time.monotonic() < patience:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        return not self._speaking()

    async def close(self, limit_s: float = 5.0, *, part: bool = False) -> None:
        """No more audio comes: finish the open utterance, pass it on, hand the recording over.

        Args:
            limit_s: how long recogniser and captions may take each.
            part: another agent goes on with the track: the recording is a part of it.
        """
        if self._closed:
            return
        self._closed = True
        self._door.flush()
        thread = self._thread
        if thread is not None:
            thread.frames.close()
        if thread is not None and not await self._wait_for(thread, limit_s):
            log.warning("recogniser did not end in time", track_sid=self.track.track_sid)
        self.state = PipelineState.CLOSED
        self.dispatcher.end()
        if self._dispatching is not None:
            try:
                await asyncio.wait_for(self._dispatching, limit_s)
            except TimeoutError:
                log.warning("captions did not end in time", track_sid=self.track.track_sid)
        if self._parts.segments:
            self._parts.segments.close()
        if self.recording:
            self.recording.finish(tuple(self.input.gaps), self.published_ms, part=part)

    # What the recogniser thread calls.

    def heard(self, heard: Heard) -> None:
        """The recogniser thread heard something."""
        self._open_partial = not heard.final and bool(heard.text)
        self._last_heard_s = time.monotonic()
        self.dispatcher.put(heard)

    def advanced(self) -> None:
        """The recogniser thread has heard all audio up to its position."""

    def failed(self, error: Exception) -> None:
        """A call failed: what was shown of the open utterance is taken back."""
        self.failures += 1
        self.reason = type(error).__name__
        if self._open_partial:
            self._open_partial = False
            at = self.input.position
            self.dispatcher.put(Heard(True, "", at, at))

    def ended(self, thread: RecogniserThread) -> None:
        """The recogniser thread has ended."""
        try:
            self._loop.call_soon_threadsafe(self._on_ended, thread)
        except RuntimeError:
            log.debug("room closed before its recogniser", track_sid=self.track.track_sid)

    # Inside.

    def _on_ended(self, thread: RecogniserThread) -> None:
        if thread in self._endings:
            self._endings.pop(thread).set()
        if thread is not self._thread:
            return
        self._forget_thread()
        if self.state is PipelineState.LIVE and self.breaker.state != "closed":
            self._cool()

    def _listen(self) -> None:
        self._thread = self._new_thread()
        self.state = PipelineState.LIVE
        self._thread.start()

    def _new_thread(self) -> RecogniserThread:
        frames = FrameQueue(self._parts.queue_frames)
        language = self.track.language
        thread = RecogniserThread(
            frames,
            lambda: self._parts.make_transcriber(language),
            self,
            self.breaker,
            self._parts.joining,
            f"rec-{self.track.identity[:24]}",
            self._parts.niceness,
        )
        for frame in self._kept:
            frames.put(frame)
        self._kept = []
        self._endings[thread] = asyncio.Event()
        self._last_heard_s = time.monotonic()
        return thread

    def _watch(self) -> None:
        thread = self._thread
        if thread is None:
            return
        if thread.busy_s > self._parts.watchdog_s:
            thread.give_up()
            self._endings.pop(thread, None)
            hang = RecogniserError("the recogniser hangs")
            self.breaker.trip(hang)
            self.failed(hang)
            self._forget_thread()
            self._cool()
        elif time.monotonic() - self._last_heard_s > self._parts.idle_s and not thread.talking:
            self.state = PipelineState.IDLE
            self._forget_thread()
            thread.frames.close()

    def _cool(self) -> None:
        self.state = PipelineState.COOLING
        log.warning(
            "speaker's captions paused",
            track_sid=self.track.track_sid,
            reason=self.reason,
            cool_s=self._parts.breaker_cool_s,
        )

    def _forget_thread(self) -> None:
        if self._thread is not None:
            self._dropped_before += self._thread.frames.dropped
            self._thread = None

    async def _wait_for(self, thread: RecogniserThread, limit_s: float) -> bool:
        ending = self._endings.get(thread)
        if ending is None:
            return True
        try:
            await asyncio.wait_for(ending.wait(), limit_s)
        except TimeoutError:
            thread.give_up()
            self._endings.pop(thread, None)
            return False
        return True

    def _to_recogniser(self, frame: Frame) -> None:
        """Called where audio arrives, for every frame."""
        thread = self._thread
        if thread is not None:
            self._given = frame.end
            thread.frames.put(frame)
            return
        if self.state is not PipelineState.IDLE:
            return
        self._kept = [*self._kept[1 - _KEPT_FRAMES :], frame]
        if frame.rms is not None and frame.loudest >= self._parts.loud_rms:
            self._loop.call_soon_threadsafe(self._wake)

    @property
    def behind(self) -> bool:
        """Whether audio was given to the recogniser that it has not heard yet."""
        thread = self._thread
        return thread is not None and thread.position < self._given

    def _speaking(self) -> bool:
        """Whether an utterance is open, or audio waits that may hold one."""
        return self.behind or self.talking

    def _wake(self) -> None:
        if self.state is PipelineState.IDLE:
            self._listen()
