"""A track's last audio, kept until it is known who hears it, and given over without a break."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agent_fleet.frames import BYTES_PER_SAMPLE, Opus, to_ms
from parley.clock import Clock, wall_clock_ms


class AudioReceiver(Protocol):
    """Takes audio that came in at a time on the monotonic clock, in seconds."""

    def __call__(
        self,
        pcm: bytes,
        opus: Opus | None = None,
        missing: int = 0,
        arrived: float | None = None,
    ) -> None:
        """Take in mono int16 at 16 kHz, and the same as it was sent where it came so."""
        ...


@dataclass(frozen=True, slots=True)
class _Piece:
    pcm: bytes
    opus: Opus | None
    missing: int
    arrived: float

    @property
    def ms(self) -> int:
        return to_ms(len(self.pcm) // BYTES_PER_SAMPLE)


class HeldAudio:
    """Stands between a tap and who takes its audio; keeps the last seconds while nobody does."""

    def __init__(
        self,
        keep_s: float,
        *,
        clock: Clock = wall_clock_ms,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Keep at most so many seconds.

        Args:
            keep_s: seconds.
            clock: the time in ms since the epoch.
            monotonic: seconds that never jump.
        """
        self._keep_ms = keep_s * 1000
        self._clock = clock
        self._monotonic = monotonic
        self._pieces: deque[_Piece] = deque()
        self._held_ms = 0
        self._taker: AudioReceiver | None = None
        self._lock = threading.Lock()

    def receive(self, pcm: bytes, opus: Opus | None = None, missing: int = 0) -> None:
        """Take in audio, in whichever thread it comes."""
        with self._lock:
            if self._taker is not None:
                self._taker(pcm, opus, missing)
                return
            piece = _Piece(pcm, opus, missing, self._monotonic())
            self._pieces.append(piece)
            self._held_ms += piece.ms
            while self._held_ms > self._keep_ms:
                self._held_ms -= self._pieces.popleft().ms

    @property
    def since_ms(self) -> int | None:
        """When the oldest kept audio begins, in ms since the epoch."""
        with self._lock:
            return self._begins_ms(self._pieces[0]) if self._pieces else None

    def give_to(self, taker: AudioReceiver, from_ms: int | None = None) -> None:
        """Give what was kept, and from now on all that comes.

        Args:
            taker: who takes it; must not block.
            from_ms: leave out what ended before, in ms since the epoch.
        """
        with self._lock:
            for piece in self._pieces:
                if from_ms is None or self._begins_ms(piece) + piece.ms > from_ms:
                    taker(piece.pcm, piece.opus, piece.missing, piece.arrived)
            self._pieces.clear()
            self._held_ms = 0
            self._taker = taker

    def _begins_ms(self, piece: _Piece) -> int:
        age_ms = (self._monotonic() - piece.arrived) * 1000
        return int(self._clock() - age_ms) - piece.ms
