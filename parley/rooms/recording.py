"""How a room's tracks are recorded: by its agent or by LiveKit's egress, behind one interface."""

import json
from typing import Protocol

from parley.clock import Clock, wall_clock_ms
from parley.domain.room import Room
from parley.errors import LiveKitError, NotFoundError
from parley.livekit_api import LiveKit
from parley.rooms.egress import begin_egress, end_egress
from parley.storage import Stores
from parley.telemetry.logs import get_logger
from parley.together import together

log = get_logger("recording")
CONTROL_TOPIC = "parley_control"


class RecordingMethod(Protocol):
    """One way of recording a room; both methods can be called any number of times."""

    async def begin(self, room: Room) -> int:
        """Begin to record what is published and not recorded yet; returns how many tracks."""

    async def end(self, room: Room) -> None:
        """The room is final: end what still runs."""


class RecordingByAgent:
    """The agent in the room records: it hears every track, and ends when it is told."""

    def __init__(self, livekit: LiveKit) -> None:
        """Reach the agent through LiveKit."""
        self._livekit = livekit

    async def begin(self, room: Room) -> int:
        """Nothing: the agent records whatever it hears."""
        return 0

    async def end(self, room: Room) -> None:
        """Tell the agent to look whether the room is final."""
        try:
            await self._livekit.send_data(
                room.name, CONTROL_TOPIC, json.dumps({"type": "finalize", "room": room.id}).encode()
            )
        except NotFoundError:
            return  # nobody is in it any more
        except LiveKitError as error:
            log.warning("the agent could not be told", room_sid=room.id, reason=error.code)


class RecordingByEgress:
    """LiveKit's egress records; the agent, which spools meanwhile, stands in where that fails."""

    def __init__(self, stores: Stores, livekit: LiveKit, clock: Clock) -> None:
        """Ask LiveKit, and keep in the tracks what was asked."""
        self._stores, self._livekit, self._clock = stores, livekit, clock
        self._agent = RecordingByAgent(livekit)

    async def begin(self, room: Room) -> int:
        """Start an egress for each live track that has none."""
        tracks = await self._stores.tracks.get_many(room.pending_tracks)
        begun = await together(
            begin_egress(self._stores, self._livekit, room, track.id, self._clock)
            for track in tracks
            if track.kind == "person" and track.recording is None and track.unpublished_ms is None
        )
        return sum(begun)

    async def end(self, room: Room) -> None:
        """Stop the egresses that run, and let the agent close its spool."""
        await self._agent.end(room)
        tracks = await self._stores.tracks.get_many(room.pending_tracks)
        running = (t.egress for t in tracks if t.egress is not None and t.egress.state.running)
        await together(end_egress(self._livekit, egress.id) for egress in running if egress.id)


def recording_method(
    room: Room, stores: Stores, livekit: LiveKit, clock: Clock = wall_clock_ms
) -> RecordingMethod:
    """The way in which a room is recorded."""
    if room.options.record == "egress":
        return RecordingByEgress(stores, livekit, clock)
    return RecordingByAgent(livekit)
