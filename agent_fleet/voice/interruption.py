"""Whether somebody who speaks lowers or ends the assistant's voice. Pure: no clock, no audio."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum
from typing import Literal

Mode = Literal["off", "duck", "stop"]


@dataclass(frozen=True, slots=True)
class Talker:
    """A participant's microphone now.

    Attributes:
        track_sid: whose.
        voiced_ms: how much speech the open utterance holds so far; 0 while nobody speaks into it.
    """

    track_sid: str
    voiced_ms: int


class Verdict(Enum):
    """What is to become of the voice at this moment."""

    GO_ON = 0
    LOWER = 1
    STOP = 2


class Interruption:
    """Watches the talkers while one request is spoken.

    An utterance counts once it holds `least_ms` of speech, so that a cough or the assistant's own
    echo, which breaks off at the next pause of the echo canceller, changes nothing. The pipelines'
    gates keep an utterance open over short pauses, so that the voice does not flutter.
    """

    def __init__(
        self, mode: Mode, talkers: Collection[Talker], *, least_ms: int, may_stop: bool = True
    ) -> None:
        """Begin a request.

        Args:
            mode: what somebody who begins to speak does.
            talkers: those who speak now. They do not end it, for it began second, but lower it.
            least_ms: speech that an utterance must hold to count.
            may_stop: whether this request may be ended; else it is lowered.
        """
        self._mode = mode
        self._least_ms = least_ms
        self._may_stop = may_stop
        self._before = {talker.track_sid for talker in talkers if talker.voiced_ms}

    def look(self, talkers: Collection[Talker]) -> Verdict:
        """Judge by those who have a microphone open now."""
        if self._mode == "off":
            return Verdict.GO_ON
        speaking = {t.track_sid for t in talkers if t.voiced_ms}
        self._before &= speaking
        loud = {t.track_sid for t in talkers if t.voiced_ms >= self._least_ms}
        if self._mode == "stop" and self._may_stop and loud - self._before:
            return Verdict.STOP
        return Verdict.LOWER if loud else Verdict.GO_ON
