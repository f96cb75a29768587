"""Lets frames of silence wait for company before the recogniser's thread is woken for them.

Waking a thread costs more than finding a frame silent: thirty silent tracks, sixteen frames a
second each, would wake threads five hundred times a second.
"""

from collections.abc import Callable

from agent_fleet.frames import Frame, to_samples

_HOLD = to_samples(500)
_ATTENTIVE = to_samples(1_500)
"""After the last loud frame everything passes at once for so long: more than any hang-over."""


class Doorkeeper:
    """Stands before a frame queue; called from the one thread in which audio arrives."""

    def __init__(self, put: Callable[[Frame], None], *, loud_rms: float) -> None:
        """Pass frames to `put`, in order.

        Args:
            put: takes a frame.
            loud_rms: a frame with a window at least this loud passes at once.
        """
        self._put = put
        self._loud_rms = loud_rms
        self._held: list[Frame] = []
        self._attentive_until = 0

    def take(self, frame: Frame) -> None:
        """Pass a frame on now, or with the ones that follow it."""
        loud = frame.rms is None or (frame.rms.size > 0 and frame.rms.max() >= self._loud_rms)
        if loud:
            self._attentive_until = frame.end + _ATTENTIVE
        self._held.append(frame)
        if frame.position < self._attentive_until or frame.end - self._held[0].position >= _HOLD:
            self.flush()

    def flush(self) -> None:
        """Pass on what waits."""
        for frame in self._held:
            self._put(frame)
        self._held.clear()
