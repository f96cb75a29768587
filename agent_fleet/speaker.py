"""One speaker's pipeline: audio, recogniser thread, dispatcher, recording; alone in its faults."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from agent_fleet.dispatcher import CaptionSink, Dispatcher
from agent_fleet.doorkeeper import Doorkeeper
from agent_fleet.frames import FrameQueue, to_ms
from agent_fleet.heard import Heard
from agent_fleet.recogniser_thread import RecogniserThread
from agent_fleet.segment_storer import SegmentSink
from agent_fleet.speaker_track import SpeakerTrack
from agent_fleet.track_input import TrackInput
from agent_fleet.track_recording import TrackRecorder
from agent_fleet.transcriber import Transcriber
from parley.telemetry.logs import get_logger

log = get_logger("speaker")


class PipelineState(StrEnum):
    """What a speaker's pipeline does now."""

    LIVE = "live"
    COOLING = "cooling"
    CLOSED = "closed"


@dataclass(frozen=True)
class SpeakerParts:
    """What a speaker's pipeline is made of."""

    make_transcriber: Callable[[], Transcriber]
    captions: CaptionSink
    segments: SegmentSink | None
    recorder: Callable[[Callable[[], int]], TrackRecorder] | None
    joining: Callable[[], int]
    first_number: Callable[[], "asyncio.Future[int]"] | None
    queue_frames: int
    loud_rms: float


class Speaker:
    """Owns everything of one track; made and closed on its room's event loop."""

    def __init__(self, track: SpeakerTrack, parts: SpeakerParts, *, published_ms: int) -> None:
        """Build the pipeline; `start` sets it going."""
        self.track = track
        self.state = PipelineState.LIVE
        self.published_ms = published_ms
        self.error: str | None = None
        self._parts = parts
        self.frames = FrameQueue(parts.queue_frames)
        self.recording = parts.recorder(self.started_ms) if parts.recorder else None
        self._door = Doorkeeper(self.frames.put, loud_rms=parts.loud_rms)
        consumers = [self._door.take]
        if self.recording:
            consumers.append(self.recording.take)
        self.input = TrackInput(consumers)
        self.dispatcher = Dispatcher(
            track,
            started_ms=self.started_ms,
            captions=parts.captions,
            store=parts.segments.append if parts.segments else None,
            first_number=parts.first_number,
        )
        self._thread = self._new_thread()
        self._dispatching: asyncio.Task[None] | None = None
        self._closed = False

    def started_ms(self) -> int:
        """When the track's first sample was, in ms since the epoch."""
        return self.input.started_ms or self.published_ms

    @property
    def talking(self) -> bool:
        """Whether the speaker is in the middle of an utterance."""
        return self._thread.talking

    @property
    def lag_ms(self) -> int:
        """How far the recogniser is behind the audio that arrived, in ms."""
        if len(self.frames) == 0:
            return 0
        return max(0, to_ms(self.input.position - self._thread.position))

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()
        self._dispatching = asyncio.create_task(
            self.dispatcher.run(), name=f"dispatch {self.track.track_sid}"
        )

    async def close(self, limit_s: float = 5.0) -> None:
        """No more audio comes: finish the open utterance, pass it on, hand the recording over."""
        if self._closed:
            return
        self._closed = True
        self._door.flush()
        self.frames.close()
        if self._dispatching is not None:
            try:
                await asyncio.wait_for(self._dispatching, limit_s)
            except TimeoutError:
                log.warning("pipeline did not end in time", track_sid=self.track.track_sid)
        self._thread.give_up()
        if self._parts.segments:
            self._parts.segments.close()
        if self.recording:
            self.recording.finish(tuple(self.input.gaps), self.published_ms)
        self.state = PipelineState.CLOSED

    def heard(self, heard: Heard) -> None:
        """The recogniser thread heard something."""
        self.dispatcher.put(heard)

    def failed(self, error: Exception) -> None:
        """The recogniser thread failed and has ended."""
        self.error = type(error).__name__
        self.dispatcher.end()

    def ended(self) -> None:
        """The recogniser thread has heard everything and has ended."""
        self.dispatcher.end()

    def _new_thread(self) -> RecogniserThread:
        return RecogniserThread(
            self.frames,
            self._parts.make_transcriber,
            self,
            self._parts.joining,
            f"rec-{self.track.identity[:24]}",
        )
