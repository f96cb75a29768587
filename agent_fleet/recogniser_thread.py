"""The thread in which one speaker's audio is recognised: from the frame queue to the event loop."""

import threading
import time
from collections.abc import Callable
from typing import Protocol

from agent_fleet.frames import FrameQueue
from agent_fleet.heard import Heard
from agent_fleet.transcriber import Transcriber
from parley.errors import ParleyError
from parley.telemetry.logs import get_logger

log = get_logger("recogniser")


class Listener(Protocol):
    """Who is told what a recogniser thread hears; called from that thread."""

    def heard(self, heard: Heard) -> None:
        """Something was heard."""
        ...

    def failed(self, error: Exception) -> None:
        """The recogniser failed; the thread has ended."""
        ...

    def ended(self) -> None:
        """The queue was closed and everything in it is heard; the thread has ended."""
        ...


class RecogniserThread:
    """Runs one transcriber over one frame queue."""

    def __init__(
        self,
        frames: FrameQueue,
        make: Callable[[], Transcriber],
        listener: Listener,
        joining: Callable[[], int],
        name: str,
    ) -> None:
        """Prepare a thread; `start` runs it.

        Args:
            frames: where its audio comes from.
            make: makes the transcriber, in the thread: a large model's recogniser takes long.
            listener: who is told.
            joining: how many waiting frames one call may take, asked before each.
            name: the thread's name.
        """
        self._frames = frames
        self._make = make
        self._listener = listener
        self._joining = joining
        self._busy_since: float | None = None
        self._given_up = False
        self.position = 0
        self.talking = False
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
        try:
            self._busy_since = time.monotonic()
            transcriber = self._make()
            self._busy_since = None
            while frames := self._frames.take(self._joining()):
                if self._given_up:
                    return
                self._busy_since = time.monotonic()
                for heard in transcriber.feed(frames):
                    self._tell(heard)
                self._busy_since = None
                self.position = frames[-1].end
                self.talking = transcriber.talking
            for heard in transcriber.close():
                self._tell(heard)
        except Exception as error:  # whatever it is, it must stay this speaker's alone
            if not isinstance(error, ParleyError):
                log.exception("recogniser thread failed")
            if not self._given_up:
                self._listener.failed(error)
        else:
            if not self._given_up:
                self._listener.ended()
        finally:
            self._busy_since = None
            self.talking = False

    def _tell(self, heard: Heard) -> None:
        if not self._given_up:
            self._listener.heard(heard)
