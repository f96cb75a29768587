"""Where sentences become sound that a room hears, as what speaks them sees it."""

from collections.abc import Callable, Collection
from typing import Protocol

from agent_fleet.voice.interruption import Talker, Verdict
from agent_fleet.voice.request import SayRequest
from agent_fleet.voice.sound import Sound


class Stage(Protocol):
    """Where sentences become sound that the room hears; `room_stage.py` is the real one."""

    async def voice_for(self, request: SayRequest) -> str:
        """The voice that speaks the request; raises `ParleyError` when there is none."""
        ...

    async def make(self, sentence: str, voice: str, speed: float) -> Sound:
        """A sentence's sound; raises `ParleyError`."""
        ...

    async def open(self) -> None:
        """Be ready to play; raises `ParleyError`."""
        ...

    async def play(
        self, sentence: str, sound: Sound, look: Callable[[], Verdict], began: Callable[[], None]
    ) -> bool:
        """Play a sentence and keep it in the record; False when it was broken off."""
        ...

    async def finish(self, look: Callable[[], Verdict]) -> bool:
        """Wait until all of it has been heard; False when it was broken off."""
        ...

    def talkers(self) -> Collection[Talker]:
        """Who has a microphone open now."""
        ...

    def first_sound(self, seconds: float) -> None:
        """A request's first sound went out so long after the request was made."""
        ...
