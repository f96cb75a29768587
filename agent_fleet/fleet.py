"""What all rooms of one agent process share: models, recorder, storing, uploading, registration."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from filelock import Timeout

from agent_fleet.dispatcher import CaptionSink
from agent_fleet.gate import SpeechGate
from agent_fleet.languages import Languages
from agent_fleet.manager import PipelineManager
from agent_fleet.metrics import FleetMetrics
from agent_fleet.recorder import Recorder
from agent_fleet.recording_files import RecordingSpool
from agent_fleet.recording_uploader import RecordingUploader
from agent_fleet.registration import Registrar
from agent_fleet.segment_spool import SegmentSpool
from agent_fleet.segment_storer import SegmentSink, SegmentStorer
from agent_fleet.speaker import SpeakerParts
from agent_fleet.speaker_track import SpeakerTrack
from agent_fleet.track_recording import TrackRecorder
from agent_fleet.transcriber import Transcriber
from parley.blobs import BlobStore
from parley.livekit_api import LiveKit
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
            settings.agent_name,
        )
        self.recorder = Recorder(self._recordings)
        self._stores = stores
        self.metrics = FleetMetrics(self.manager)
        self._watching: asyncio.Task[None] | None = None
        self.ready = False

    async def start(self) -> None:
        """Load the default language's model and finish what a killed process left.

        Raises:
            ModelError: the model can't be loaded.
        """
        self.recorder.start()
        await asyncio.to_thread(self.languages.warm, self.languages.default)
        segments, recordings = self.storer.recover(), self.uploader.recover()
        if segments or recordings:
            log.info("finishing what was left", segments=segments, recordings=recordings)
        self._watching = asyncio.create_task(self.metrics.watch_loop())
        self.ready = True

    async def close(self, limit_s: float = 20.0) -> None:
        """Store and upload what is finished, at most so long; the rest waits for the next start."""
        self.ready = False
        if self._watching is not None:
            self._watching.cancel()
        await asyncio.to_thread(self.recorder.stop)
        await asyncio.sleep(0)  # what the recorder handed over is started
        async with asyncio.TaskGroup() as group:
            group.create_task(self.storer.drain(limit_s))
            group.create_task(self.uploader.drain(limit_s))
        await self.registrar.aclose()
        await self._livekit.aclose()
        self._stores.close()

    def on_main(self, work: Callable[[], Coroutine[Any, Any, T]]) -> "asyncio.Future[T]":
        """Run a coroutine on the main loop; awaitable on the caller's loop."""
        return asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), self.loop))

    def parts(
        self, track: SpeakerTrack, captions: CaptionSink, *, store: bool, record: bool
    ) -> SpeakerParts:
        """What a new pipeline for a track is made of.

        Args:
            track: whose it is.
            captions: where its captions go.
            store: whether its segments are kept.
            record: whether its audio is kept.
        """
        settings = self.settings
        number = self.storer.next_number
        return SpeakerParts(
            make_transcriber=self._transcriber,
            captions=captions,
            segments=self._segment_sink(track) if store else None,
            recorder=(lambda started: self._track_recorder(track, started)) if record else None,
            joining=self.manager.frames_per_call,
            admission=self.manager.admission,
            first_number=(
                (lambda: self.on_main(lambda: number(track.track_sid))) if store else None
            ),
            caption_sent=self.metrics.caption_sent,
            queue_frames=settings.queue_frames,
            loud_rms=settings.gate_rms if settings.speech_gate else 0.0,
            breaker_failures=settings.breaker_failures,
            breaker_cool_s=settings.breaker_cool_seconds,
            watchdog_s=settings.watchdog_seconds,
            idle_s=settings.idle_seconds,
        )

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
