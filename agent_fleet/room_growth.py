"""When a room needs another agent, and who of its agents asks for one."""

import time
from collections.abc import Callable

from agent_fleet.room_agents import RoomAgents
from agent_fleet.sharing import MAX_AGENTS, agents_wanted

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 5.0, 300.0


class RoomGrowth:
    """Decides for one agent; asks seldom, for there may be no free process."""

    def __init__(
        self,
        agents: RoomAgents,
        per_agent: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Plan with so many speakers per agent."""
        self._agents = agents
        self._per_agent = per_agent
        self._monotonic = monotonic
        self._pause_s = _FIRST_PAUSE_S
        self._next = 0.0
        self._there = 0

    def asks(self, asked_for: int, speakers: int, waiting: int) -> bool:
        """Whether this agent is to ask for another one now.

        Args:
            asked_for: how many agents the room's options want.
            speakers: how many publish audio in the room.
            waiting: how many of this agent's speakers it can't caption now.
        """
        there = len(self._agents.all)
        if there != self._there:  # the last request was met, or somebody went
            self._there, self._pause_s, self._next = there, _FIRST_PAUSE_S, 0.0
        short = there < agents_wanted(speakers, self._per_agent, asked_for)
        # A speaker who waits is known to the agent that hears them; the room's leader asks for
        # all else.
        wanted = (short and self._agents.leads) or (waiting > 0 and there < MAX_AGENTS)
        now = self._monotonic()
        if not wanted or now < self._next:
            return False
        self._next = now + self._pause_s
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        return True
