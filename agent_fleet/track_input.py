"""Puts a track's arriving audio on its timeline: position is time, and holes are noticed."""

import time
from collections.abc import Callable, Sequence

from agent_fleet.frames import BYTES_PER_SAMPLE, Frame, Opus, to_ms, to_samples
from agent_fleet.loudness import window_rms
from parley.clock import Clock, wall_clock_ms
from parley.domain.track import Gap

Consumer = Callable[[Frame], None]

_PAUSE_MS = 500
"""LiveKit hands frames over all the time, also of silence and while muted: a pause this long
means that audio is missing rather than late."""
_MIN_GAP_MS = 250


class TrackInput:
    """Where a track's audio arrives, from one thread at a time; gives frames to its consumers."""

    def __init__(
        self,
        consumers: Sequence[Consumer],
        *,
        real_time: bool = True,
        clock: Clock = wall_clock_ms,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Give every frame to each consumer, in order; a consumer must not block or raise.

        Args:
            consumers: who takes the frames.
            real_time: whether a pause means that audio is missing.
            clock: the time in ms since the epoch, read once, at the first frame.
            monotonic: seconds that never jump, for everything after.
        """
        self._consumers = tuple(consumers)
        self._real_time = real_time
        self._clock = clock
        self._monotonic = monotonic
        self._started = 0.0
        self._last = 0.0
        self.started_ms: int | None = None
        self.position = 0
        self.received = 0
        self.muted = False
        self.gaps: list[Gap] = []

    def receive(
        self,
        pcm: bytes,
        opus: Opus | None = None,
        missing: int = 0,
        arrived: float | None = None,
    ) -> None:
        """Take in the next audio: mono int16 at 16 kHz, whole samples.

        Args:
            pcm: the samples.
            opus: the same as it was sent, where it came so. A pause means nothing then: who took
                the packets knows what is missing.
            missing: how many samples before it nobody heard, where it came so.
            arrived: when it came, on the monotonic clock, where that is not now.
        """
        samples = len(pcm) // BYTES_PER_SAMPLE
        now = self._monotonic() if arrived is None else arrived
        if self.started_ms is None:
            waited_ms = 0 if arrived is None else round((self._monotonic() - arrived) * 1000)
            self.started_ms = self._clock() - waited_ms - to_ms(samples)
            self._started = now - to_ms(samples) / 1000
        elif opus is not None:
            self._skip(missing)
        elif self._real_time and (now - self._last) * 1000 > _PAUSE_MS:
            self._skip_missing(now, samples)
        self._last = now
        frame = Frame(self.position, pcm, window_rms(pcm), opus)
        self.position += samples
        self.received += samples
        for consume in self._consumers:
            consume(frame)

    def expected(self) -> int:
        """How many samples there should be by now, by the clock."""
        if self.started_ms is None:
            return 0
        if not self._real_time:
            return self.received
        return to_samples((self._monotonic() - self._started) * 1000)

    def _skip_missing(self, now: float, samples: int) -> None:
        should_be = to_samples((now - self._started) * 1000) - samples
        missing = should_be - self.position
        if to_ms(missing) >= _MIN_GAP_MS:
            self._skip(missing)

    def _skip(self, missing: int) -> None:
        assert self.started_ms is not None
        begin, self.position = self.position, self.position + missing
        if to_ms(missing) >= _MIN_GAP_MS and not self.muted:
            self.gaps.append(
                Gap(
                    start_ms=self.started_ms + to_ms(begin),
                    end_ms=self.started_ms + to_ms(self.position),
                )
            )
