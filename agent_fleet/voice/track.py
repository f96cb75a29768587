"""The audio track `parley-voice`: published with the first speech, then paced frame by frame."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from livekit import rtc

from agent_fleet.frames import Frame, to_ms, to_samples
from agent_fleet.voice.errors import VoiceTrackError
from agent_fleet.voice.interruption import Verdict
from agent_fleet.voice.sound import FRAME_MS, Level, Sound
from parley.clock import Clock, wall_clock_ms
from parley.voice.engine import SAMPLE_RATE

VOICE_TRACK = "parley-voice"
_QUEUE_MS = 200  # what the native side holds: enough for a hiccup, little to take back
_REST_MS = 2_500
_SUBSCRIBED_S = 1.0  # the wait for a first listener, so that the first word is heard


@dataclass(frozen=True)
class Published:
    """The track as the room knows it."""

    sid: str
    published_ms: int


@dataclass(frozen=True)
class Played:
    """What of a sound was heard.

    Attributes:
        start: position of its first sample, in samples at 16 kHz since the track's first frame.
        end: the position after the last sample that went out.
        share: how much of it that is, 0..1.
        stopped: whether it was broken off.
    """

    start: int
    end: int
    share: float
    stopped: bool


class VoiceTrack:
    """Plays sounds into one room; lives on the room's event loop."""

    def __init__(
        self,
        room: rtc.Room,
        taken: Callable[[Frame], None],
        *,
        clock: Clock = wall_clock_ms,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Publish nothing yet.

        Args:
            room: a connected room.
            taken: gets every frame that went out, at 16 kHz with its position.
            clock: ms since the epoch, read once, at the first frame.
            monotonic: seconds that never jump.
        """
        self._room = room
        self._taken = taken
        self._clock = clock
        self._monotonic = monotonic
        self._source: rtc.AudioSource | None = None
        self._published: Published | None = None
        self._level = Level()
        self._opened = 0.0
        self._end = 0
        self._spoken = 0  # the position after the last sound
        self._out: deque[Frame] = deque()
        self.started_ms: int | None = None

    @property
    def queued(self) -> bool:
        """Whether something is still to be heard."""
        return self._source is not None and self._source.queued_duration > 0

    def now_ms(self) -> int:
        """When the last frame that was handed over began, in ms since the epoch."""
        return (self.started_ms or self._clock()) + to_ms(self._end) - FRAME_MS

    async def open(self) -> Published:
        """Publish the track unless it is, and wait a moment for somebody to listen.

        Raises:
            VoiceTrackError: the room did not take it.
        """
        if self._published is None:
            self._source = rtc.AudioSource(SAMPLE_RATE, 1, queue_size_ms=_QUEUE_MS)
            track = rtc.LocalAudioTrack.create_audio_track(VOICE_TRACK, self._source)
            options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
            try:
                publication = await self._room.local_participant.publish_track(track, options)
            except Exception as error:  # the SDK's own kinds
                raise VoiceTrackError("the room did not take the voice's track") from error
            self._published = Published(publication.sid, self._clock())
            if self._room.remote_participants:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(publication.wait_for_subscription(), _SUBSCRIBED_S)
        return self._published

    async def play(
        self, sound: Sound, look: Callable[[], Verdict], began: Callable[[], None] | None = None
    ) -> Played:
        """Play a sound at the pace at which it is heard; returns when its last frame is queued.

        Args:
            sound: what to play.
            look: asked before every frame.
            began: called when the first frame has been handed over.
        """
        assert self._source is not None
        start = self._next_position()
        for number in range(sound.frames):
            verdict = look()
            if verdict is Verdict.STOP:
                self._take_back()
                return Played(start, self._end, self._share(start, sound), stopped=True)
            audible, recorded = self._level.applied(
                verdict is Verdict.LOWER, sound.room[number], sound.recording[number]
            )
            await _hand_over(self._source, audible.tobytes(), len(audible))
            self._queue(Frame(self._end, recorded.tobytes()))
            if number == 0 and began is not None:
                began()
        return Played(start, self._end, 1.0, stopped=False)

    async def finish(self, look: Callable[[], Verdict]) -> bool:
        """Wait until what is queued has been heard; False when it was broken off."""
        assert self._source is not None
        while self._source.queued_duration > 0:
            if look() is Verdict.STOP:
                self._take_back()
                return False
            await asyncio.sleep(FRAME_MS / 1000)
        self._settle(0)
        return True

    def rest(self) -> None:
        """Nothing is said now: record silence for a while, which brings the last words to disk.

        The recording's file is written in pages of a second; a killed process loses the last one.
        """
        if self.started_ms is None or self.queued:
            return
        now = to_samples((self._monotonic() - self._opened) * 1000)
        length = to_samples(FRAME_MS)
        until = min(now, self._spoken + to_samples(_REST_MS)) - length
        while self._end <= until:
            self._out.append(Frame(self._end, bytes(2 * length)))
            self._end += length
        self._settle(0)

    async def aclose(self) -> None:
        """Give the track back."""
        self._settle(0)
        if self._source is not None:
            await self._source.aclose()

    def _next_position(self) -> int:
        """Where the next frame is on the track's timeline: now, or after what is queued."""
        now = self._monotonic()
        if self.started_ms is None:
            self.started_ms = self._clock()
            self._opened = now
        assert self._source is not None
        if self._source.queued_duration == 0:
            self._settle(0)
            self._end = max(self._end, to_samples((now - self._opened) * 1000))
        return self._end

    def _queue(self, frame: Frame) -> None:
        self._out.append(frame)
        self._end = self._spoken = frame.end
        self._settle(_QUEUE_MS // FRAME_MS)

    def _settle(self, queued: int) -> None:
        """All but the last so many frames have been heard."""
        while len(self._out) > queued:
            self._taken(self._out.popleft())

    def _take_back(self) -> None:
        """Forget what was not heard yet."""
        assert self._source is not None
        unheard = int(self._source.queued_duration * 1000 / FRAME_MS)
        self._source.clear_queue()
        for _ in range(min(unheard, len(self._out))):
            self._end = self._out.pop().position
        self._settle(0)

    def _share(self, start: int, sound: Sound) -> float:
        samples = sound.recording.size
        return min(1.0, max(0, self._end - start) / samples) if samples else 0.0


async def _hand_over(source: rtc.AudioSource, pcm: bytes, samples: int) -> None:
    """Give the native side a frame, and wait until it has answered even when cancelled.

    It gets the frame's address, and may read it until then.
    """
    frame = rtc.AudioFrame(pcm, SAMPLE_RATE, 1, samples)
    taken = asyncio.ensure_future(source.capture_frame(frame))
    try:
        await asyncio.shield(taken)
    finally:
        if not taken.done():
            await asyncio.wait([taken])
