"""Records tracks as Ogg Opus files: one thread of the process writes for all of them.

Position in the file is time: where audio is missing, silence is written. Packets are written as
they were sent; what comes from the SDK is encoded, at the recogniser's 16 kHz: docs/decisions,
0007 and 0016.
"""

import os
import threading
from collections import deque
from collections.abc import Callable

from filelock import FileLock

from agent_fleet.frames import SAMPLE_RATE, Frame, to_ms
from agent_fleet.recording_files import RecordedTrack, RecordingFiles, RecordingSpool
from agent_fleet.recording_sinks import RecordingSink, open_sink
from agent_fleet.scheduling import give_way
from parley.audio.ogg_packets import RATE
from parley.blobs import recording_key
from parley.domain.track import Gap, Recording
from parley.telemetry.logs import get_logger

log = get_logger("recorder")

_LOOK_S = 0.3  # how often the thread looks for work, rather than being woken by each track
_NICENESS = 10  # captions first: the recorder catches up when nobody waits


class TrackRecording:
    """One track's recording; only the recorder's thread calls it once it is begun."""

    def __init__(
        self, files: RecordingFiles, lock: FileLock, track: RecordedTrack, first: Frame
    ) -> None:
        """Open the files; the caller holds their lock.

        Args:
            files: where they are.
            lock: theirs.
            track: whose recording it is.
            first: the first frame, which is not written yet: it says what is to come.

        Raises:
            OSError: the disk is full or the folder can't be written.
        """
        self.files = files
        self.lock = lock
        self.track = track
        self._failed_at: int | None = None
        files.set_earlier_aside()
        files.write_track(track)
        self._sink: RecordingSink = open_sink(files.audio, first)

    def write(self, frame: Frame) -> None:
        """Append a frame, after silence where audio is missing before it."""
        if self._failed_at is not None:
            return
        try:
            if (missing := frame.position - self._sink.taken) > 0:
                self._sink.silence(missing)
            self._sink.append(frame)
        except Exception as error:  # disk full, or the encoder failed
            self._failed_at = self._sink.written
            log.error(
                "recording stopped", track_sid=self.track.track_sid, reason=type(error).__name__
            )

    def note_gaps(self, gaps: tuple[Gap, ...]) -> None:
        """Remember the gaps so far, for whoever uploads this if the process is killed."""
        self.track = self.track.model_copy(update={"gaps": gaps})
        self.files.write_track(self.track)

    def finish(self, end: int, gaps: tuple[Gap, ...]) -> Recording:
        """Close the audio and write the manifest.

        Args:
            end: the position after the track's last sample.
            gaps: where audio did not arrive.
        """
        try:
            self._sink.close()
        except Exception as error:
            self._failed_at = self._sink.written if self._failed_at is None else self._failed_at
            log.error(
                "recording cut off", track_sid=self.track.track_sid, reason=type(error).__name__
            )
        start = self.track.started_ms
        if self._failed_at is not None:
            gaps = (*gaps, Gap(start_ms=start + to_ms(self._failed_at), end_ms=start + to_ms(end)))
        recording = Recording(
            method="agent",
            key=recording_key(self.track.room_sid, self.track.track_sid),
            started_ms=start,
            ended_ms=start + to_ms(end),
            bytes=self.files.audio.stat().st_size,
            samples=self._sink.written * RATE // SAMPLE_RATE,
            sample_rate=RATE,
            gaps=gaps,
        )
        _sync(self.files)
        self.files.write_manifest(recording)
        return recording


def _sync(files: RecordingFiles) -> None:
    descriptor = os.open(files.audio, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Recorder:
    """The thread that encodes; every method may be called from any thread and returns at once."""

    def __init__(self, spool: RecordingSpool) -> None:
        """Record into this spool; `start` starts the thread."""
        self._spool = spool
        self._work: deque[Callable[[], None]] = deque()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Do what is queued, then end the thread; blocks until it has."""
        self._stopping.set()
        self._thread.join()

    @property
    def backlog(self) -> int:
        """How much work waits: grows when the disk or the processor can't keep up."""
        return len(self._work)

    def run(self, work: Callable[[], None]) -> None:
        """Queue work for the thread, done in order and soon; it must handle its own errors."""
        self._work.append(work)

    def _run(self) -> None:
        give_way(_NICENESS)
        while True:
            stopping = self._stopping.wait(_LOOK_S)
            while self._work:
                work = self._work.popleft()
                try:
                    work()
                except Exception:
                    log.exception("recording work failed")
            if stopping:
                return
