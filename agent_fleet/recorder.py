"""Records tracks as Ogg Opus files: one thread of the process encodes for all of them.

Position in the file is time: where audio is missing, silence is written. 16 kHz is what the
recogniser takes too, so a track is taken from LiveKit once: docs/decisions, 0007.
"""

import os
import threading
from collections import deque
from collections.abc import Callable

import numpy as np
from filelock import FileLock

from agent_fleet.frames import SAMPLE_RATE, Frame, to_ms
from agent_fleet.recording_files import RecordedTrack, RecordingFiles, RecordingSpool
from agent_fleet.scheduling import give_way
from parley.audio.ogg_writer import OggOpusWriter
from parley.blobs import recording_key
from parley.domain.track import Gap, Recording
from parley.telemetry.logs import get_logger

log = get_logger("recorder")

_FILE_RATE = 48_000  # Ogg Opus counts in 48 kHz whatever was put in (RFC 7845, section 4)
_SILENCE = np.zeros(SAMPLE_RATE, np.int16)
_WRITE_SAMPLES = SAMPLE_RATE // 2  # encode half a second at a time: fewer calls, little to lose
_LOOK_S = 0.3  # how often the thread looks for work, rather than being woken by each track
_NICENESS = 10  # captions first: the recorder catches up when nobody waits


class TrackRecording:
    """One track's recording; only the recorder's thread calls it once it is begun."""

    def __init__(self, files: RecordingFiles, lock: FileLock, track: RecordedTrack) -> None:
        """Open the files; the caller holds their lock.

        Raises:
            OSError: the disk is full or the folder can't be written.
        """
        self.files = files
        self.lock = lock
        self.track = track
        self._waiting: list[np.ndarray] = []
        self._waiting_samples = 0
        self._written = 0
        self._failed_at: int | None = None
        files.set_earlier_aside()
        files.write_track(track)
        self._writer = OggOpusWriter(files.audio, SAMPLE_RATE)

    def write(self, frame: Frame) -> None:
        """Append a frame, after silence where audio is missing before it."""
        if self._failed_at is not None:
            return
        try:
            missing = frame.position - self._written - self._waiting_samples
            while missing > 0:
                piece = _SILENCE[: min(missing, len(_SILENCE))]
                self._append(piece)
                missing -= len(piece)
            self._append(np.frombuffer(frame.pcm, np.int16))
        except Exception as error:  # disk full, or the encoder failed
            self._failed_at = self._written
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
            self._flush()
            self._writer.close()
        except Exception as error:
            self._failed_at = self._written if self._failed_at is None else self._failed_at
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
            samples=self._written * _FILE_RATE // SAMPLE_RATE,
            sample_rate=_FILE_RATE,
            gaps=gaps,
        )
        _sync(self.files)
        self.files.write_manifest(recording)
        return recording

    def _append(self, samples: np.ndarray) -> None:
        self._waiting.append(samples)
        self._waiting_samples += len(samples)
        if self._waiting_samples >= _WRITE_SAMPLES:
            self._flush()

    def _flush(self) -> None:
        if self._waiting and self._failed_at is None:
            samples = np.concatenate(self._waiting)
            self._waiting, self._waiting_samples = [], 0
            self._writer.write(samples)
            self._written += len(samples)


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
