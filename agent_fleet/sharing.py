"""Which agent of a room hears whom: rendezvous hashing, so that only those who must change hands.

Everyone who knows the same agents comes to the same answer, without asking. When an agent joins,
it gets its share from all others; when one goes, each of its speakers goes to the agent that came
second for them, which has kept their audio ready (`room_share.py`).
"""

import math
from collections.abc import Iterable

import hrw

MAX_AGENTS = 8
"""Agents of one room at most: each knows all others."""
_FILL = 0.75
"""How full agents are planned: a hash shares out unevenly."""


def ranked(speaker: str, agents: Iterable[str]) -> list[str]:
    """The agents in the order in which they are to hear a speaker.

    Args:
        speaker: identity of a participant.
        agents: identities of the agents, at least one.
    """
    ids = sorted({agent.encode() for agent in agents})
    return [agent.decode() for agent in hrw.sort(speaker.encode(), ids)]


def agents_wanted(speakers: int, per_agent: int, asked_for: int) -> int:
    """How many agents a room should have.

    Args:
        speakers: how many publish audio.
        per_agent: speakers that one agent takes.
        asked_for: what the room's options say.
    """
    needed = math.ceil(speakers / max(1.0, per_agent * _FILL)) if speakers > per_agent else 1
    return min(MAX_AGENTS, max(1, asked_for, needed))
