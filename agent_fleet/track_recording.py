"""One track's recording from the first frame to the upload: what a speaker sees of the recorder."""

from collections.abc import Callable

from filelock import Timeout

from agent_fleet.frames import Frame, to_ms, to_samples
from agent_fleet.recorder import Recorder, TrackRecording
from agent_fleet.recording_files import RecordedTrack, RecordingSpool
from agent_fleet.recording_uploader import RecordingUploader
from agent_fleet.speaker_track import SpeakerTrack
from parley.domain.track import Gap
from parley.telemetry.logs import get_logger

log = get_logger("recorder")

_LOCK_S = 3.0
_BATCH = to_samples(500)  # the recorder's thread is woken twice a second for each track


class TrackRecorder:
    """Takes a track's frames; opens the file at the first one and uploads it at the end."""

    def __init__(
        self,
        track: SpeakerTrack,
        recorder: Recorder,
        spool: RecordingSpool,
        uploader: RecordingUploader,
        started_ms: Callable[[], int],
    ) -> None:
        """Nothing is written before the first frame."""
        self._track = track
        self._recorder = recorder
        self._spool = spool
        self._uploader = uploader
        self._started_ms = started_ms
        self._recording: TrackRecording | None = None
        self._refused = False
        self._end = 0
        self._batch: list[Frame] = []
        self.failed: str | None = None

    def take(self, frame: Frame) -> None:
        """Record a frame; from the thread in which audio arrives, returns at once."""
        self._end = frame.end
        self._batch.append(frame)
        if frame.end - self._batch[0].position >= _BATCH:
            self._hand_over()

    def note_gaps(self, gaps: tuple[Gap, ...]) -> None:
        """The track has these gaps by now."""
        self._recorder.run(lambda: self._note_gaps(gaps))

    @property
    def begun_ms(self) -> int | None:
        """When the recording begins, in ms since the epoch, once it does."""
        recording = self._recording
        return recording.track.started_ms if recording else None

    def finish(self, gaps: tuple[Gap, ...], published_ms: int, *, part: bool = False) -> None:
        """The track ended: close the file and have it uploaded; returns at once.

        Args:
            gaps: where audio did not arrive.
            published_ms: when the track was published.
            part: the track goes on with another agent.
        """
        end = self._end
        self._hand_over()
        self._recorder.run(lambda: self._finish(end, gaps, published_ms, part))

    def _hand_over(self) -> None:
        batch, self._batch = self._batch, []
        self._recorder.run(lambda: self._write(batch))

    def _write(self, frames: list[Frame]) -> None:
        if self._recording is None:
            if self._refused or not frames:
                return
            self._recording = self._open(frames[0])
            if self._recording is None:
                self._refused = True
                return
        for frame in frames:
            self._recording.write(frame)

    def _note_gaps(self, gaps: tuple[Gap, ...]) -> None:
        if self._recording is not None:
            self._recording.note_gaps(gaps)

    def _open(self, first: Frame) -> TrackRecording | None:
        track = self._track
        try:
            files = self._spool.files(track.room_sid, track.track_sid)
            lock = files.lock()
            # An agent that hands the track over on this machine is about to let go of it.
            lock.acquire(timeout=_LOCK_S)
        except Timeout:
            self.failed = "another process records this track"
            log.error("not recorded", track_sid=track.track_sid, reason=self.failed)
            return None
        except OSError as error:
            self.failed = f"the spool can't be written: {error.strerror}"
            log.error("not recorded", track_sid=track.track_sid, reason=self.failed)
            return None
        try:
            return TrackRecording(
                files,
                lock,
                RecordedTrack(
                    room_sid=track.room_sid,
                    room_name=track.room_name,
                    track_sid=track.track_sid,
                    identity=track.identity,
                    name=track.name,
                    kind=track.kind,
                    language=track.language or None,
                    started_ms=self._started_ms(),
                ),
                first,
            )
        except OSError as error:
            lock.release()
            self.failed = f"the spool can't be written: {error.strerror}"
            log.error("not recorded", track_sid=track.track_sid, reason=self.failed)
            return None

    def _finish(self, end: int, gaps: tuple[Gap, ...], published_ms: int, part: bool) -> None:
        if self._recording is None and part:
            return
        if self._recording is None:
            reason = self.failed or "no audio arrived"
            self._uploader.finish_empty(self._track, published_ms, reason)
            return
        recording = self._recording.finish(end, gaps)
        log.info(
            "recording closed",
            track_sid=self._track.track_sid,
            seconds=to_ms(end) / 1000,
            gaps=len(recording.gaps),
        )
        files, lock = self._recording.files, self._recording.lock
        if part:
            self._uploader.parts.let_go(files, lock)
        else:
            self._uploader.upload(files, lock)
