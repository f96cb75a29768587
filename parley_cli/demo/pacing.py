"""The meeting's clock: frames leave on time, counted from one start that all participants share."""

import asyncio
import time
from dataclasses import dataclass

FRAME_MS = 10


@dataclass(frozen=True)
class MeetingClock:
    """The meeting's start on both clocks: one steady to pace by, one absolute to compare with.

    Frame k holds what is spoken in `[start + 10 k, start + 10 (k + 1))` ms, and is handed over at
    the end of that stretch, as a sound card does.
    """

    start_ns: int
    start_ms: int

    @classmethod
    def starting_in(cls, seconds: float) -> "MeetingClock":
        """A clock whose meeting starts so many seconds from now."""
        ahead = int(seconds * 1e9)
        return cls(time.monotonic_ns() + ahead, (time.time_ns() + ahead) // 1_000_000)

    @property
    def elapsed_s(self) -> float:
        """Seconds since the meeting's start; negative before it."""
        return (time.monotonic_ns() - self.start_ns) / 1e9

    @property
    def now_ms(self) -> int:
        """The absolute time now, free of steps of the wall clock since the start."""
        return self.start_ms + (time.monotonic_ns() - self.start_ns) // 1_000_000

    def frame_now(self) -> int:
        """The number of the first frame that is not over yet."""
        return max(0, (time.monotonic_ns() - self.start_ns) // (FRAME_MS * 1_000_000))

    async def until_frame_ends(self, frame: int) -> float:
        """Sleep until a frame is over; returns how late that was noticed, in ms."""
        due_ns = self.start_ns + (frame + 1) * FRAME_MS * 1_000_000
        if (wait_ns := due_ns - time.monotonic_ns()) > 0:
            await asyncio.sleep(wait_ns / 1e9)
        return (time.monotonic_ns() - due_ns) / 1e6

    async def until(self, offset_s: float) -> None:
        """Sleep until so many seconds after the meeting's start; return at once if that is past."""
        wait_s = offset_s - self.elapsed_s
        if wait_s > 0:
            await asyncio.sleep(wait_s)
