"""Parts of recordings on this machine, on their way to the agent that puts them together.

`<state>/spool/parts/<room>/<track>/<started_ms>.ogg`, with `.json` beside it: whose it is. A file
is there from the moment the track changed hands (or its agent was killed) until it is uploaded.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from agent_fleet.recording_files import RecordedTrack, RecordingFiles


@dataclass(frozen=True)
class RecordingPart:
    """One part, and who may work on it."""

    audio: Path
    track: RecordedTrack
    lock: FileLock

    def remove(self) -> None:
        """It is uploaded: delete it, and the folder when it was the last."""
        self.audio.unlink(missing_ok=True)
        _about(self.audio).unlink(missing_ok=True)
        self.lock.release()
        _lock_path(self.audio).unlink(missing_ok=True)
        for folder in (self.audio.parent, self.audio.parent.parent):
            if folder.exists() and not any(folder.iterdir()):
                folder.rmdir()


class PartSpool:
    """All parts of one state folder."""

    def __init__(self, state_dir: Path) -> None:
        """Use `spool/parts` of this state folder."""
        self.root = state_dir / "spool" / "parts"

    def take(self, files: RecordingFiles) -> RecordingPart:
        """Make a part of what a track's files hold; the caller holds their lock and keeps it."""
        track = files.read_track()
        folder = self.root / track.room_sid / track.track_sid
        folder.mkdir(parents=True, exist_ok=True)
        audio = folder / f"{track.started_ms}.ogg"
        lock = FileLock(_lock_path(audio), thread_local=False)
        lock.acquire(timeout=0)
        _about(audio).write_text(track.model_dump_json())
        files.audio.replace(audio)
        files.manifest.unlink(missing_ok=True)
        files.track.unlink(missing_ok=True)
        return RecordingPart(audio, track, lock)

    def left_over(self) -> Iterator[RecordingPart]:
        """Parts that nobody works on, each locked now."""
        for about in sorted(self.root.glob("*/*/*.json")):
            audio = about.with_suffix(".ogg")
            lock = FileLock(_lock_path(audio), thread_local=False)
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            if audio.exists():
                track = RecordedTrack.model_validate_json(about.read_bytes())
                yield RecordingPart(audio, track, lock)
            else:  # killed before it was moved here: it is where it was
                about.unlink(missing_ok=True)
                lock.release()


def _about(audio: Path) -> Path:
    return audio.with_suffix(".json")


def _lock_path(audio: Path) -> Path:
    return audio.with_suffix(".lock")
