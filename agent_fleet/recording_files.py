"""Where recordings lie on this machine until they are uploaded, and who is writing which.

`<state>/spool/recordings/<room>/<track>.ogg` grows while the track lives; beside it are
`.track.json` (whose it is and when it began), `.json` (the manifest, once it is closed) and
`.lock`, held by the process that writes or uploads it: the lock of a killed process is free.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from parley.domain.base import Record
from parley.domain.track import Gap, Recording, TrackKind


class RecordedTrack(Record):
    """Whose recording a file is: enough to finish the job in another process."""

    room_sid: str
    room_name: str
    track_sid: str
    identity: str
    name: str = ""
    kind: TrackKind = "person"
    language: str | None = None
    started_ms: int
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True)
class RecordingFiles:
    """The files of one track's recording."""

    folder: Path
    track_sid: str

    @property
    def audio(self) -> Path:
        """The Ogg Opus file."""
        return self.folder / f"{self.track_sid}.ogg"

    @property
    def manifest(self) -> Path:
        """The manifest; it exists once the audio is complete."""
        return self.folder / f"{self.track_sid}.json"

    @property
    def track(self) -> Path:
        """Whose it is."""
        return self.folder / f"{self.track_sid}.track.json"

    @property
    def earlier(self) -> list[Path]:
        """Parts that killed processes left of the same track, oldest first."""
        if not self.folder.exists():
            return []
        begin = f"{self.track_sid}.part-"  # a pattern each would stay in fnmatch's cache
        found = (path for path in self.folder.iterdir() if path.name.startswith(begin))
        return sorted(path for path in found if path.suffix == ".ogg")

    def set_earlier_aside(self) -> None:
        """Keep what a killed process left of this track as a part, before a new file is begun."""
        if not (self.audio.exists() and self.track.exists()):
            return
        started_ms = self.read_track().started_ms
        self.audio.rename(self.folder / f"{self.track_sid}.part-{started_ms}.ogg")

    def lock(self) -> FileLock:
        """The lock of whoever writes or uploads it; not yet taken."""
        return FileLock(self.folder / f"{self.track_sid}.lock", thread_local=False)

    def write_track(self, track: RecordedTrack) -> None:
        """Note whose it is, whole or not at all."""
        _replace(self.track, track.model_dump_json())

    def read_track(self) -> RecordedTrack:
        """Whose it is."""
        return RecordedTrack.model_validate_json(self.track.read_bytes())

    def write_manifest(self, recording: Recording) -> None:
        """Note that the audio is complete, whole or not at all."""
        _replace(self.manifest, recording.model_dump_json())

    def read_manifest(self) -> Recording | None:
        """The manifest, if the audio is complete."""
        if not self.manifest.exists():
            return None
        return Recording.model_validate_json(self.manifest.read_bytes())

    def remove(self) -> None:
        """Delete everything but the lock's file, which its holder releases."""
        for path in (self.audio, self.manifest, *self.earlier, self.track):
            path.unlink(missing_ok=True)

    def remove_lock(self) -> None:
        """Delete the released lock's file, and the room's folder when it was the last."""
        (self.folder / f"{self.track_sid}.lock").unlink(missing_ok=True)
        if self.folder.exists() and not any(self.folder.iterdir()):
            self.folder.rmdir()


class RecordingSpool:
    """All recordings of one state folder."""

    def __init__(self, state_dir: Path) -> None:
        """Use `spool/recordings` of this state folder."""
        self.root = state_dir / "spool" / "recordings"

    def files(self, room_sid: str, track_sid: str) -> RecordingFiles:
        """The files of a track, whose folder is made now."""
        folder = self.root / room_sid
        folder.mkdir(parents=True, exist_ok=True)
        return RecordingFiles(folder, track_sid)

    def left_over(self) -> Iterator[tuple[RecordingFiles, FileLock]]:
        """Recordings nobody is writing or uploading, each with its lock taken."""
        for path in sorted(self.root.glob("*/*.track.json")):
            files = RecordingFiles(path.parent, path.name.removesuffix(".track.json"))
            lock = files.lock()
            try:
                lock.acquire(timeout=0)
            except Timeout:
                continue
            if files.track.exists():
                yield files, lock
            else:  # its holder has just finished
                lock.release()


def _replace(path: Path, text: str) -> None:
    scratch = path.with_name(path.name + ".new")
    scratch.write_text(text)
    scratch.replace(path)
