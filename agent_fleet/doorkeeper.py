"""Lets frames of silence wait for company before the recogniser's thread is woken for them.

Waking a thread costs more than finding a frame silent: thirty silent tracks, ten frames a second
each, would wake threads three hundred times a second.
"""

from collections.abc import Callable

import numpy as np

from agent_fleet.frames import Frame, to_samples

_HOLD = to_samples(1_000)
_AFTER_THE_GATE = 200
"""Frames pass at once for so much longer than the gate stays open, in ms."""


class Doorkeeper:
    """Stands before a frame queue; called from the one thread in which audio arrives."""

    def __init__(
        self, put: Callable[[Frame], None], *, loud_rms: float, hangover_ms: int = 420
    ) -> None:
        """Pass frames to `put`, in order.

        Args:
            put: takes a frame.
            loud_rms: a frame with a window at least this loud passes at once.
            hangover_ms: silence after which the gate behind the queue closes.
        """
        self._put = put
        self._loud_rms = loud_rms
        self._attentive = to_samples(hangover_ms + _AFTER_THE_GATE)
        self._held: list[Frame] = []
        self._attentive_until = 0

    def take(self, frame: Frame) -> None:
        """Pass a frame on now, or with the ones that follow it."""
        if frame.rms is None or frame.loudest >= self._loud_rms:
            self._attentive_until = frame.end + self._attentive
        if frame.position < self._attentive_until:
            self.flush()
            self._put(frame)
            return
        if self._held and self._held[-1].end != frame.position:
            self.flush()
        self._held.append(frame)
        if frame.end - self._held[0].position >= _HOLD:
            self.flush()

    def flush(self) -> None:
        """Pass on what waits, as one frame."""
        held, self._held = self._held, []
        if len(held) > 1:
            pcm = b"".join(frame.pcm for frame in held)
            rms = np.concatenate([frame.rms for frame in held if frame.rms is not None])
            held = [Frame(held[0].position, pcm, rms)]
        for frame in held:
            self._put(frame)
