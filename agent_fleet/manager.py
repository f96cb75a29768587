"""All pipelines of the process: how many there may be, and what load they make."""

import threading
from collections.abc import Sequence

from agent_fleet.speaker import PipelineState, Speaker
from parley.telemetry.logs import get_logger

log = get_logger("manager")


class PipelineManager:
    """Knows every speaker of the process; any thread may ask."""

    def __init__(
        self,
        *,
        max_speakers: int,
        max_talkers: int,
        max_lag_ms: int,
        joining: Sequence[tuple[int, int]],
    ) -> None:
        """Allow so many speakers.

        Args:
            max_speakers: pipelines at most, without the idle ones.
            max_talkers: of them talking at once; more make nobody wait, but admit nobody.
            max_lag_ms: recognisers further behind than this admit nobody.
            joining: `(speakers up to, frames per call)`, ascending.
        """
        self._max_speakers = max_speakers
        self._max_talkers = max_talkers
        self._max_lag_ms = max_lag_ms
        self._joining = sorted(joining)
        self._speakers: dict[str, Speaker] = {}
        self._lock = threading.Lock()
        self.refused = 0
        self.left = 0

    @property
    def speakers(self) -> list[Speaker]:
        """All speakers now."""
        with self._lock:
            return list(self._speakers.values())

    def frames_per_call(self) -> int:
        """How many waiting frames one recogniser call may take now."""
        count = sum(s.state is PipelineState.LIVE for s in self.speakers)
        for speakers, frames in self._joining:
            if count <= speakers:
                return frames
        return 1

    def admission(self) -> str | None:
        """Why no more speakers can be taken now, or None when one can."""
        heard, talking, lag_ms = self._now()
        if heard >= self._max_speakers:
            return f"this agent already hears {heard} speakers"
        if talking >= self._max_talkers:
            return f"{talking} speakers talk at once"
        if lag_ms > self._max_lag_ms:
            return f"captions are {lag_ms} ms late"
        return None

    def _now(self) -> tuple[int, int, int]:
        """Pipelines that listen, talkers among them, and the worst lag in ms."""
        live = [s for s in self.speakers if s.state is PipelineState.LIVE]
        talking = sum(s.talking for s in live)
        return len(live), talking, max((s.lag_ms for s in live), default=0)

    def add(self, speaker: Speaker) -> None:
        """Count a speaker."""
        with self._lock:
            self._speakers[speaker.track.track_sid] = speaker

    def remove(self, speaker: Speaker) -> None:
        """Count a speaker no longer."""
        with self._lock:
            self._speakers.pop(speaker.track.track_sid, None)
            self.left += 1

    def load(self) -> float:
        """0..1 for LiveKit's dispatch: how much of what this process can take is taken."""
        heard, talking, lag_ms = self._now()
        return min(
            1.0,
            max(
                heard / self._max_speakers,
                talking / self._max_talkers,
                lag_ms / self._max_lag_ms,
            ),
        )
