"""The thread in which one speaker's audio is recognised: from the frame queue to the event loop."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from agent_fleet.breaker import Breaker
from agent_fleet.frames import Frame, FrameQueue
from agent_fleet.heard import Heard
from agent_fleet.scheduling import give_way
from agent_fleet.transcriber import Transcriber
from parley.errors import ParleyError
from parley.telemetry.logs import get_logger

log = get_logger("recogniser")


class Listener(Protocol):
    """Who is told what a recogniser thread hears; called from that thread."""

    def heard(self, heard: Heard) -> None:
        """Something was heard."""
        ...

    def advanced(self) -> None:
        """The thread's `position` moved on."""
        ...

    def failed(self, error: Exception) -> None:
        """A call failed; the thread goes on with a new recogniser."""
        ...

    def ended(self, thread: "RecogniserThread") -> None:
        """The thread has ended: its queue was closed, or its breaker is open."""
        ...


class RecogniserThread:
    """Runs transcribers over one frame queue: a new one after each failure, until too many."""

    def __init__(
        self,
        frames: FrameQueue,
        make: Callable[[], Transcriber],
        listener: Listener,
        breaker: Breaker,
        joining: Callable[[], int],
        name: str,
        niceness: int,
    ) -> None:
        """Prepare a thread; `start` runs it.

        Args:
            frames: where its audio comes from.
            make: makes a transcriber, in the thread: a large model's recogniser takes long.
            listener: who is told.
            breaker: counts the failures.
            joining: how many waiting frames one call may take, asked before each.
            name: the thread's name.
            niceness: by how much it gives way to the threads in which audio arrives, for what they
                don't take in time is lost: at 5, sixty recognisers on one full core cost 7 % of it,
                at 18 nothing. But others' work on that core, such as Whisper's, comes first too.
        """
        self.frames = frames
        self._make = make
        self._listener = listener
        self._breaker = breaker
        self._joining = joining
        self._niceness = niceness
        self._busy_since: float | None = None
        self._given_up = False
        self._transcriber: Transcriber | None = None
        self.position = 0
        self.heard = 0
        self.passed = 0
        self.talking = False
        self.voiced = 0
        # A thread that hangs inside libvosk can't be ended: it must not keep the process alive.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    @property
    def busy_s(self) -> float:
        """How long the present call into the recogniser has taken, in seconds."""
        since = self._busy_since
        return 0.0 if since is None else time.monotonic() - since

    def give_up(self) -> None:
        """Whatever the thread still hears is no longer wanted (it hangs)."""
        self._given_up = True

    def _run(self) -> None:
        give_way(self._niceness)
        while (frames := self.frames.take(self._joining())) and not self._given_up:
            if not self._attempt(frames):
                return self._end()
            self.talking = self._transcriber is not None and self._transcriber.talking
            self.voiced = self._transcriber.voiced if self._transcriber else 0
            if self._transcriber is not None:
                self.heard += sum(frame.samples for frame in frames)
                self.passed = self._transcriber.passed
            self.position = frames[-1].end  # last: it says that `talking` holds up to here
            self._listener.advanced()
        if self._transcriber is not None and not self._given_up:
            self._attempt(None)
        self._release()
        self._end()

    def _attempt(self, frames: list[Frame] | None) -> bool:
        """Hear frames, or the end; False when the breaker is open, before or after it."""
        if not self._breaker.allows():
            return False
        try:
            self._busy_since = time.monotonic()
            if self._transcriber is None:
                self._transcriber = self._make()
            transcriber = self._transcriber
            for heard in transcriber.close() if frames is None else transcriber.feed(frames):
                if not self._given_up:
                    self._listener.heard(heard)
        except Exception as error:  # whatever it is, it must stay this speaker's alone
            if not isinstance(error, ParleyError):
                log.exception("recogniser thread failed")
            self._transcriber = None
            self.talking = False
            self.voiced = 0
            if not self._given_up:
                self._listener.failed(error)
                self._breaker.failed(error)
            return self._breaker.allows()
        else:
            if not self._given_up:
                self._breaker.succeeded()
            return True
        finally:
            self._busy_since = None

    def _release(self) -> None:
        if self._transcriber is not None and not self._given_up:
            self._transcriber.release()

    def _end(self) -> None:
        self.talking = False
        self.voiced = 0
        self._transcriber = None
        if not self._given_up:
            self._listener.ended(self)
