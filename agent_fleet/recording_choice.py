"""Whether the agent's recording of a track is the one that counts, or LiveKit's egress has it.

The agent spools every track, also in rooms that record by egress, and asks here when the track is
over: so nothing is lost when egress is refused, fails half-way, or never answers.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import stamina

from parley.clock import Clock, wall_clock_ms
from parley.domain.room import Room
from parley.domain.track import Track
from parley.errors import ParleyError
from parley.rooms.egress import fall_back
from parley.rooms.egress_rules import Whose, whose_recording
from parley.storage import Stores

_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 5.0


class RecordingChoice:
    """Asks the store whose recording counts, and decides when egress is silent for too long."""

    def __init__(
        self,
        stores: Stores,
        wait_s: float,
        clock: Clock = wall_clock_ms,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Give egress `wait_s` seconds after a track's end."""
        self._stores, self._clock, self._sleep = stores, clock, sleep
        self._wait_s = wait_s

    async def is_ours(self, room_sid: str, track_sid: str, ended_ms: int) -> bool:
        """Wait until it is decided whose recording counts; True for the agent's.

        Args:
            room_sid: the room.
            track_sid: its track.
            ended_ms: when the track ended, in ms since the epoch.
        """
        pause_s = _PAUSE_S
        late_ms = ended_ms + int(self._wait_s * 1000)
        while True:
            room, track = await self._read(room_sid, track_sid)
            if room is None or track is None:
                return True  # erased, or never registered: whoever uploads finds out
            whose = whose_recording(track, room)
            if whose is not Whose.OPEN:
                return whose is Whose.AGENT
            if self._clock() >= late_ms:
                await self._give_up(room_sid, track_sid)
            else:
                await self._sleep(pause_s)
                pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)

    async def _read(self, room_sid: str, track_sid: str) -> tuple[Room | None, Track | None]:
        async for attempt in _attempts():
            with attempt:
                room = await self._stores.rooms.find(room_sid)
                return room, await self._stores.tracks.find(track_sid)
        raise AssertionError("unreachable")

    async def _give_up(self, room_sid: str, track_sid: str) -> None:
        reason = f"no recording came of it within {self._wait_s:.0f} s of the track's end"
        async for attempt in _attempts():
            with attempt:
                await fall_back(self._stores, room_sid, track_sid, reason, self._clock)


def _attempts() -> AsyncIterator[stamina.Attempt]:
    # Not `patiently`: what is not there was erased, and does not come.
    return aiter(
        stamina.retry_context(
            on=_retryable, attempts=None, timeout=None, wait_initial=0.5, wait_max=30.0
        )
    )


def _retryable(error: Exception) -> bool:
    return isinstance(error, ParleyError) and error.retryable
