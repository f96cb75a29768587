"""Live segments on disk, in order, until the database has them: a killed process loses none.

`<state>/spool/segments/<room>/<track>.jsonl` holds one segment a line. It is written before the
database is asked and deleted when all of it is stored. `<track>.lock` says who writes it.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from filelock import FileLock, Timeout

from parley.domain.segment import Segment
from parley.telemetry.logs import get_logger

log = get_logger("spool")

_MOST_FILES = 9


@dataclass
class SegmentFile:
    """The spooled segments of one track; its lock is held while this exists."""

    path: Path
    room_sid: str
    track_sid: str
    lock: FileLock
    _file: IO[str] | None = None

    def append(self, segment: Segment) -> None:
        """Add a segment; it survives this process (not the machine) once this returns."""
        if self._file is None:
            self._file = self.path.open("a", encoding="utf-8")
        self._file.write(segment.model_dump_json() + "\n")
        self._file.flush()

    def read(self) -> list[Segment]:
        """All segments in it; a line that a killed process left unfinished is passed over."""
        if not self.path.exists():
            return []
        segments = []
        with self.path.open(encoding="utf-8") as lines:
            for line in lines:
                try:
                    segments.append(Segment.model_validate(json.loads(line)))
                except ValueError:
                    log.warning("spooled segment is cut off", track_sid=self.track_sid)
        return segments

    def release(self, *, stored: bool) -> None:
        """Let go of the file; delete it when all of it is stored."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if stored:
            self.path.unlink(missing_ok=True)
        self.lock.release()
        if stored:
            Path(self.lock.lock_file).unlink(missing_ok=True)
            if not any(self.path.parent.iterdir()):
                self.path.parent.rmdir()


class SegmentSpool:
    """All segment files of one state folder."""

    def __init__(self, state_dir: Path) -> None:
        """Use `spool/segments` of this state folder."""
        self.root = state_dir / "spool" / "segments"

    def open(self, room_sid: str, track_sid: str) -> SegmentFile:
        """A file for a track, locked: a further one where somebody still stores an earlier one.

        Raises:
            filelock.Timeout: that is so nine times over.
        """
        for number in range(1, _MOST_FILES):
            name = track_sid if number == 1 else f"{track_sid}.{number}"
            with contextlib.suppress(Timeout):
                return self._open(room_sid, track_sid, name)
        return self._open(room_sid, track_sid, f"{track_sid}.{_MOST_FILES}")

    def left_over(self) -> Iterator[SegmentFile]:
        """Files that nobody writes, each locked now."""
        for path in sorted(self.root.glob("*/*.jsonl")):
            try:
                yield self._open(path.parent.name, path.stem.split(".")[0], path.stem)
            except Timeout:
                continue

    def _open(self, room_sid: str, track_sid: str, name: str) -> SegmentFile:
        folder = self.root / room_sid
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / f"{name}.lock", thread_local=False)
        lock.acquire(timeout=0)
        return SegmentFile(folder / f"{name}.jsonl", room_sid, track_sid, lock)
