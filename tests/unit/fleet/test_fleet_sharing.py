"""Who hears whom in a room of several agents."""

from collections import Counter

import pytest

from agent_fleet.sharing import agents_wanted, ranked

SPEAKERS = [f"speaker-{n}" for n in range(400)]
AGENTS = ["agent-a", "agent-b", "agent-c"]


def owners(agents: list[str]) -> dict[str, str]:
    return {speaker: ranked(speaker, agents)[0] for speaker in SPEAKERS}


def test_everyone_comes_to_the_same_answer_in_any_order() -> None:
    assert all(ranked(s, AGENTS) == ranked(s, AGENTS[::-1]) for s in SPEAKERS)
    assert sorted(ranked("zoë", AGENTS)) == AGENTS


def test_each_agent_gets_its_share() -> None:
    count = Counter(owners(AGENTS).values())
    assert set(count) == set(AGENTS)
    assert all(90 <= n <= 180 for n in count.values())


def test_who_joins_takes_its_share_and_nobody_else_changes_hands() -> None:
    before, after = owners(AGENTS), owners([*AGENTS, "agent-d"])
    moved = {s for s in SPEAKERS if before[s] != after[s]}
    assert {after[s] for s in moved} == {"agent-d"}
    assert 60 <= len(moved) <= 140


def test_who_goes_leaves_each_speaker_to_the_one_that_came_second() -> None:
    before, after = owners(AGENTS), owners(AGENTS[:2])
    for speaker in SPEAKERS:
        if before[speaker] == "agent-c":
            assert after[speaker] == ranked(speaker, AGENTS)[1]
        else:
            assert after[speaker] == before[speaker]


@pytest.mark.parametrize(
    ("speakers", "per_agent", "asked_for", "wanted"),
    [(0, 30, 1, 1), (30, 30, 1, 1), (31, 30, 1, 2), (60, 30, 1, 3), (3, 30, 3, 3), (999, 30, 1, 8)],
)
def test_a_room_gets_as_many_agents_as_its_speakers_need(
    speakers: int, per_agent: int, asked_for: int, wanted: int
) -> None:
    assert agents_wanted(speakers, per_agent, asked_for) == wanted
