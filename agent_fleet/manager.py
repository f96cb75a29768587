"""All pipelines of the process: how many there may be, and what load they make."""

import threading
from collections.abc import Sequence

from agent_fleet.speaker import Speaker
from parley.telemetry.logs import get_logger

log = get_logger("manager")


class PipelineManager:
    """Knows every speaker of the process; any thread may ask."""

    def __init__(self, *, max_speakers: int, joining: Sequence[tuple[int, int]]) -> None:
        """Allow so many speakers.

        Args:
            max_speakers: limit of this process.
            joining: `(speakers up to, frames per call)`, ascending.
        """
        self._max_speakers = max_speakers
        self._joining = sorted(joining)
        self._speakers: dict[str, Speaker] = {}
        self._lock = threading.Lock()
        self.refused = 0

    @property
    def speakers(self) -> list[Speaker]:
        """All speakers now."""
        with self._lock:
            return list(self._speakers.values())

    def frames_per_call(self) -> int:
        """How many waiting frames one recogniser call may take now."""
        count = len(self._speakers)
        for speakers, frames in self._joining:
            if count <= speakers:
                return frames
        return 1

    def admission(self) -> str | None:
        """Why no more speakers can be taken now, or None when one can."""
        if len(self._speakers) >= self._max_speakers:
            return f"this agent already hears {self._max_speakers} speakers"
        return None

    def add(self, speaker: Speaker) -> None:
        """Count a speaker."""
        with self._lock:
            self._speakers[speaker.track.track_sid] = speaker

    def remove(self, speaker: Speaker) -> None:
        """Count a speaker no longer."""
        with self._lock:
            self._speakers.pop(speaker.track.track_sid, None)

    def load(self) -> float:
        """0..1 for LiveKit's dispatch: how much of what this process can take is taken."""
        return min(1.0, len(self._speakers) / self._max_speakers)
