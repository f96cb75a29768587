"""What all rooms of one agent process share: models, recorder, storing, uploading, registration."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from filelock import Timeout

from agent_fleet.answering import AnswerMetrics, RoomMemory
from agent_fleet.audio_tap import AudioSource, SdkSource
from agent_fleet.dispatcher import Caption, CaptionSink
from agent_fleet.gate import SpeechGate
from agent_fleet.languages import Languages
from agent_fleet.manager import PipelineManager
from agent_fleet.memory import collect
from agent_fleet.metrics import FleetMetrics
from agent_fleet.part_spool import PartSpool
from agent_fleet.partial_feed import PartialFeed
from agent_fleet.recorder import Recorder
from agent_fleet.recording_choice import RecordingChoice
from agent_fleet.recording_files import RecordingSpool
from agent_fleet.recording_uploader import RecordingUploader
from agent_fleet.registration import Registrar
from agent_fleet.segment_spans import SegmentSpans
from agent_fleet.segment_spool import SegmentSpool
from agent_fleet.segment_storer import SegmentSink, SegmentStorer
from agent_fleet.speaker import SpeakerParts
from agent_fleet.speaker_track import SpeakerTrack
from agent_fleet.stuck_loops import StuckLoops
from agent_fleet.subscriber.metrics import SubscriberMetrics
from agent_fleet.subscriber.source import PROGRAM, Subscriber
from agent_fleet.track_recording import TrackRecorder
from agent_fleet.transcriber import Transcriber
from agent_fleet.voice.record import RecordParts
from agent_fleet.voice.shared import SharedVoice
from parley.blobs import BlobStore
from parley.domain.timeline import TimelineParticipant
from parley.livekit_api import LiveKit
from parley.rooms.events import NOT_RECORDED
from parley.settings import Settings
from parley.storage import Stores
from parley.telemetry.logs import get_logger

log = get_logger("fleet")

T = TypeVar("T")


class Fleet:
    """The process's shared parts.

    Rooms run in threads with loops of their own: what is async here runs on the main loop, and
    rooms reach it through `on_main`.
    """

    def __init__(self, settings: Settings, stores: Stores, blobs: BlobStore) -> None:
        """Build everything on the running (main) loop; `start` sets it going."""
        self.settings = settings
        self.loop = asyncio.get_running_loop()
        self.languages = Languages.from_settings(settings)
        self.manager = PipelineManager(
            max_speakers=settings.max_speakers,
            max_talkers=settings.max_talkers,
            max_lag_ms=settings.max_lag_ms,
            joining=settings.joining,
        )
        self.registrar = Registrar(settings, stores)
        self.storer = SegmentStorer(stores, SegmentSpool(settings.state_dir))
        self._recordings = RecordingSpool(settings.state_dir)
        self._livekit = LiveKit.from_settings(settings)
        self.uploader = RecordingUploader(
            stores,
            blobs,
            self._livekit,
            self.registrar,
            self._recordings,
            RecordingChoice(stores, settings.egress_wait_s),
            PartSpool(settings.state_dir),
            settings.agent_name,
            settings.part_wait_seconds,
        )
        self.recorder = Recorder(self._recordings)
        self.loops = StuckLoops(settings.stuck_seconds)
        self.subscriber = Subscriber.from_settings(settings)
        self._stores = stores
        self.metrics = FleetMetrics(
            self.manager, self.languages.memory, lambda: self.recorder.backlog
        )
        endpoint = settings.otlp_endpoint
        self._spans = SegmentSpans.to_endpoint(endpoint, settings.agent_name) if endpoint else None
        if self.subscriber is not None:
            self.metrics.registry.register(SubscriberMetrics(self.subscriber))
        self.partials = PartialFeed(settings)
        self.voice = SharedVoice(settings, self.metrics.registry)
        self.answer_metrics = AnswerMetrics(self.metrics.registry)
        self._watching: list[asyncio.Task[None]] = []
        self.ready = False

    async def start(self) -> None:
        """Load the default language's model and finish what a killed process left.

        Raises:
            ModelError: the model can't be loaded.
        """
        self.recorder.start()
        if self.subscriber is not None:
            self.subscriber.start()
        else:
            log.info("audio comes from the SDK", instead_of=PROGRAM)
        await asyncio.to_thread(self.languages.warm, self.languages.default)
        segments, recordings = self.storer.recover(), self.uploader.recover()
        if segments or recordings:
            log.info("finishing what was left", segments=segments, recordings=recordings)
        self._watching = [
            asyncio.create_task(self.metrics.watch_loop()),
            asyncio.create_task(self.loops.watch()),
            asyncio.create_task(collect(lambda: self.manager.left)),
        ]
        if self.settings.voice_preload:
            await self.voice.preload()
        self.ready = True

    async def close(self, limit_s: float = 20.0) -> None:
        """Store and upload what is finished, at most so long; the rest waits for the next start."""
        self.ready = False
        for task in self._watching:
            task.cancel()
        if self.subscriber is not None:
            await asyncio.to_thread(self.subscriber.close)
        await asyncio.to_thread(self.recorder.stop)
        await asyncio.sleep(0)  # what the recorder handed over is started
        async with asyncio.TaskGroup() as group:
            group.create_task(self.storer.drain(limit_s))
            group.create_task(self.uploader.drain(limit_s))
        await self.voice.aclose()
        if self._spans is not None:
            await asyncio.to_thread(self._spans.close)
        await self.registrar.aclose()
        await self._livekit.aclose()
        self._stores.close()

    def on_main(self, work: Callable[[], Coroutine[Any, Any, T]]) -> "asyncio.Future[T]":
        """Run a coroutine on the main loop; awaitable on the caller's loop."""
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), self.loop))

    def audio_source(self, room_name: str, job_id: str) -> AudioSource:
        """Where a job takes the audio of its room from; on the room's loop."""
        settings = self.settings
        if self.subscriber is None:
            return SdkSource(frame_ms=settings.frame_ms, routed=settings.routed_audio)
        return self.subscriber.room(
            settings.livekit_url,
            lambda: self._livekit.join_token(
                room_name,
                f"subscriber-{job_id}",
                can_publish=False,
                can_send_data=False,
                hidden=True,
                agent=True,
            ),
        )

    async def more_agents(self, room_name: str) -> None:
        """Ask LiveKit to send another agent into a room; on the main loop."""
        await self._livekit.dispatch_agent(room_name, self.settings.agent_name)

    def room_memory(
        self, room_sid: Callable[[], str], present: Callable[[], list[TimelineParticipant]]
    ) -> RoomMemory:
        """What the assistant remembers of one room.

        Args:
            room_sid: the room's sid, once it is known.
            present: the people who are there now.
        """
        minutes = self.settings.answer_minutes
        return RoomMemory(
            self._stores, self.on_main, room_sid=room_sid, present=present, minutes=minutes
        )

    def parts(
        self,
        track: SpeakerTrack,
        captions: CaptionSink,
        *,
        store: bool,
        record: bool,
        at_least: int = 0,
    ) -> SpeakerParts:
        """What a new pipeline for a track is made of.

        Args:
            track: whose it is.
            captions: where its captions go.
            store: whether its segments are kept.
            record: whether its audio is kept.
            at_least: the number of its first segment, unless more are stored.
        """
        settings = self.settings

        async def number() -> int:
            asked = self.on_main(lambda: self.storer.next_number(track.track_sid))
            return max(at_least, await asked)

        return SpeakerParts(
            make_transcriber=self._transcriber,
            captions=captions,
            segments=self._segment_sink(track) if store else None,
            recorder=(lambda started: self._track_recorder(track, started)) if record else None,
            joining=self.manager.frames_per_call,
            admission=self.manager.admission,
            first_number=number if store else None,
            caption_sent=lambda caption: self._caption_sent(track, caption),
            queue_frames=settings.queue_frames,
            loud_rms=settings.gate_rms if settings.speech_gate else 0.0,
            breaker_failures=settings.breaker_failures,
            breaker_cool_s=settings.breaker_cool_seconds,
            watchdog_s=settings.watchdog_seconds,
            idle_s=settings.idle_seconds,
            hangover_ms=settings.gate_hangover_ms,
            niceness=settings.recogniser_nice,
        )

    def voice_record(
        self,
        track: SpeakerTrack,
        captions: CaptionSink,
        started_ms: Callable[[], int],
        published_ms: int,
        *,
        record: bool,
    ) -> RecordParts:
        """What the record of the assistant's voice in a room is made of.

        Args:
            track: the voice's track.
            captions: where its captions go.
            started_ms: when its first sample was, in ms since the epoch.
            published_ms: when it was published.
            record: whether its audio is kept.
        """
        return RecordParts(
            publish=lambda: self.on_main(lambda: self.registrar.publish_track(track, published_ms)),
            unrecorded=lambda: self.uploader.finish_empty(track, published_ms, NOT_RECORDED),
            segments=self._segment_sink(track),
            recorder=self._track_recorder(track, started_ms) if record else None,
            captions=captions,
        )

    def _caption_sent(self, track: SpeakerTrack, caption: Caption) -> None:
        self.metrics.caption_sent(caption)
        self.partials.caption_sent(track, caption)
        if self._spans is not None:
            self._spans.caption_sent(track, caption)

    def _transcriber(self, language: str) -> Transcriber:
        settings = self.settings
        gate = None
        if settings.speech_gate:
            gate = SpeechGate(
                min_rms=settings.gate_rms,
                preroll_ms=settings.gate_preroll_ms,
                hangover_ms=settings.gate_hangover_ms,
            )
        recogniser = self.languages.take(language)
        return Transcriber(
            recogniser, gate, release=lambda: self.languages.give_back(language, recogniser)
        )

    def _segment_sink(self, track: SpeakerTrack) -> SegmentSink | None:
        try:
            return self.storer.open(track.room_sid, track.track_sid)
        except (Timeout, OSError) as error:
            log.error("segments not stored", track_sid=track.track_sid, reason=type(error).__name__)
            return None

    def _track_recorder(self, track: SpeakerTrack, started: Callable[[], int]) -> TrackRecorder:
        return TrackRecorder(track, self.recorder, self._recordings, self.uploader, started)
