"""When a room's agents ask for another one."""

from typing import cast

from agent_fleet.room_agents import RoomAgents
from agent_fleet.room_growth import RoomGrowth


class Agents:
    """So many agents, of which this one leads or does not."""

    def __init__(self, count: int = 1, *, leads: bool = True) -> None:
        self.all = [f"agent-{n}" for n in range(count)]
        self.leads = leads


class Time:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def growth(agents: Agents, time: Time) -> RoomGrowth:
    return RoomGrowth(cast(RoomAgents, agents), 10, monotonic=time)


def test_the_leader_asks_when_there_are_more_speakers_than_one_takes() -> None:
    time = Time()
    assert not growth(Agents(), time).asks(1, 10, 0)
    assert growth(Agents(), time).asks(1, 11, 0)
    assert growth(Agents(), time).asks(2, 1, 0)
    assert not growth(Agents(leads=False), time).asks(2, 11, 0)


def test_any_agent_asks_for_a_speaker_who_has_to_wait() -> None:
    assert growth(Agents(2, leads=False), Time()).asks(1, 5, 1)
    assert not growth(Agents(8, leads=False), Time()).asks(1, 5, 1)


def test_it_asks_ever_more_seldom_and_anew_when_somebody_came() -> None:
    time, agents = Time(), Agents()
    asking = growth(agents, time)
    asked = []
    for _ in range(400):
        if asking.asks(3, 1, 0):
            asked.append(time.now - 100.0)
        time.now += 0.5
    assert asked[:5] == [0.0, 5.0, 15.0, 35.0, 75.0]
    agents.all.append("agent-new")
    assert asking.asks(3, 1, 0)
