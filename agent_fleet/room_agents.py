"""The agents of one room: who they are, which still answer, and how they talk to each other.

An agent is a participant whose kind the server vouches for, with our agent's name. LiveKit takes
twenty seconds to notice a killed one, so each asks the others every other second whether they are
there, and tells them whom it hears.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from livekit import rtc

from agent_fleet.captions import TOPIC as CAPTIONS_TOPIC
from agent_fleet.sharing import ranked
from parley.telemetry.logs import get_logger

log = get_logger("agents")

NAME_ATTRIBUTE = "lk.agent.name"  # LiveKit puts it into an agent's token
LEAVING_ATTRIBUTE = "parley.leaving"
"""Set by an agent that ends: others take its speakers over."""
_HELLO = "parley.agent.hello"
_HELLO_EVERY_S = 1.5
_HELLO_LIMIT_S = 2.5
_KIND = rtc.ParticipantKind.PARTICIPANT_KIND_AGENT

Answer = Callable[[str, dict[str, Any]], Awaitable[dict[str, Any]]]


class RoomAgents:
    """The agents of a room as one of them sees them; on its room's event loop."""

    def __init__(
        self,
        room: rtc.Room,
        agent_name: str,
        *,
        lost_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Know nobody yet; call `open` once the room is connected.

        Args:
            room: the room.
            agent_name: what our agents are called.
            lost_s: who has not answered for so long is taken for dead.
            monotonic: seconds that never jump.
        """
        self._room = room
        self._name = agent_name
        self._lost_s = lost_s
        self._monotonic = monotonic
        self._answered: dict[str, float] = {}
        self._hears: dict[str, frozenset[str]] = {}
        self.leaving = False
        self.held: Callable[[], Iterable[str]] = tuple
        """The tracks that this agent hears."""

    @property
    def me(self) -> str:
        """This agent's identity."""
        return self._room.local_participant.identity

    @property
    def present(self) -> list[str]:
        """The other agents that are there, also those that are about to leave."""
        now = self._monotonic()
        return [
            identity
            for identity in self._room.remote_participants
            if self.known(identity)
            and now - self._answered.setdefault(identity, now) < self._lost_s
        ]

    @property
    def others(self) -> list[str]:
        """The other agents that are there and stay."""
        people = self._room.remote_participants
        return [i for i in self.present if not people[i].attributes.get(LEAVING_ATTRIBUTE)]

    @property
    def all(self) -> list[str]:
        """All agents that may hear somebody."""
        return [*self.others, *([] if self.leaving else [self.me])]

    @property
    def leads(self) -> bool:
        """Whether this agent does what one agent does for the room."""
        return next(iter(self.ranked(self._room.name)), None) == self.me

    def known(self, identity: str) -> bool:
        """Whether somebody is an agent of ours in this room."""
        participant = self._room.remote_participants.get(identity)
        return (
            participant is not None
            and participant.kind == _KIND
            and participant.attributes.get(NAME_ATTRIBUTE, self._name) == self._name
        )

    def ranked(self, speaker: str, also: Iterable[str] = ()) -> list[str]:
        """Who is to hear a speaker, in order; empty when nobody stays."""
        agents = {*self.all, *(a for a in also if a == self.me or self.known(a))}
        return ranked(speaker, agents) if agents else []

    def hears(self, agent: str) -> frozenset[str]:
        """The tracks that another agent said it hears."""
        return self._hears.get(agent, frozenset())

    def heard_from_since(self, agent: str, when: float) -> bool:
        """Whether an agent has answered after a time on the monotonic clock."""
        return self._answered.get(agent, 0.0) > when

    def serve(self, method: str, answer: Answer) -> None:
        """Answer other agents' calls of a method; nobody else is answered.

        Args:
            method: its name.
            answer: gets the caller and what they said.
        """

        async def handle(call: rtc.RpcInvocationData) -> str:
            if not self.known(call.caller_identity):
                raise rtc.RpcError(403, "agents only")
            return json.dumps(await answer(call.caller_identity, json.loads(call.payload)))

        self._room.local_participant.register_rpc_method(method, handle)

    async def ask(
        self, agent: str, method: str, what: dict[str, Any], limit_s: float
    ) -> dict[str, Any] | None:
        """Call another agent; None when it does not answer in time."""
        try:
            answer = await self._room.local_participant.perform_rpc(
                destination_identity=agent,
                method=method,
                payload=json.dumps(what),
                response_timeout=limit_s,
                max_round_trip_latency=_HELLO_LIMIT_S,
            )
            found: dict[str, Any] = json.loads(answer)
        except (rtc.RpcError, ValueError):
            return None
        self._answered[agent] = self._monotonic()
        return found

    async def keep_in_touch(self, changed: Callable[[], None]) -> None:
        """Say hello to the others until cancelled; tells of every change of who is there."""
        # The SDK writes a line for every caption of another agent that nobody takes.
        self._room.register_text_stream_handler(CAPTIONS_TOPIC, lambda *_: None)

        async def greeted(caller: str, what: dict[str, Any]) -> dict[str, Any]:
            self._note(caller, what)
            return {"hears": sorted(self.held())}

        self.serve(_HELLO, greeted)
        before = set(self.others)
        while True:
            there = [i for i in self._room.remote_participants if self.known(i)]
            self._forget(there)
            await asyncio.gather(*(self._greet(agent) for agent in there))
            now = set(self.others)
            if now != before:
                for lost in before - now:
                    log.warning("another agent is gone", agent=lost)
                before = now
                changed()
            await asyncio.sleep(_HELLO_EVERY_S)

    async def _greet(self, agent: str) -> None:
        what = {"hears": sorted(self.held())}
        if (answer := await self.ask(agent, _HELLO, what, _HELLO_LIMIT_S)) is not None:
            self._note(agent, answer)

    def _note(self, agent: str, what: dict[str, Any]) -> None:
        self._answered[agent] = self._monotonic()
        self._hears[agent] = frozenset(str(sid) for sid in what.get("hears", ()))

    def _forget(self, there: Iterable[str]) -> None:
        kept = set(there)
        self._answered = {k: v for k, v in self._answered.items() if k in kept}
        self._hears = {k: v for k, v in self._hears.items() if k in kept}
