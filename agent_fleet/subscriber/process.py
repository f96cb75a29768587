"""The subscriber's process: started with the fleet, again after a crash, and ended with it."""

import contextlib
import math
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import BinaryIO, Protocol, cast

from agent_fleet.subscriber import wire
from agent_fleet.subscriber.playout import Packet
from parley.telemetry.logs import get_logger

log = get_logger("subscriber")

_AGAIN_S = 1.0
_END_LIMIT_S = 5.0


class Listener(Protocol):
    """Who is told what the process says; called in the thread that reads it."""

    def started(self) -> None:
        """The process runs, and knows of nothing yet."""
        ...

    def heard(self, tap: int, packets: list[Packet], now: float) -> None:
        """Packets of a track came, at a time on the monotonic clock."""
        ...

    def ticked(self, piece_ms: int, now: float) -> None:
        """Time passed; so much of a track comes at a time."""
        ...

    def told(self, event: wire.Event) -> None:
        """Something happened."""
        ...


class SubscriberProcess:
    """One process for all rooms of the fleet; methods may be called from any thread."""

    def __init__(self, command: Sequence[str], listener: Listener) -> None:
        """Start nothing yet."""
        self._command = list(command)
        self._listener = listener
        self._ending = threading.Event()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, name="subscriber", daemon=True)
        self.starts = 0

    @property
    def pid(self) -> int | None:
        """The process, while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it.

        Raises:
            OSError: it can't be run.
        """
        self._spawn()
        self._thread.start()

    def close(self) -> None:
        """End it; blocks until it has ended."""
        self._ending.set()
        if self._thread.ident is None:  # it never ran
            return
        with self._lock, contextlib.suppress(OSError):
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.close()
        self._thread.join(_END_LIMIT_S)
        if self._thread.is_alive() and self._process is not None:
            self._process.kill()

    def send(self, command: bytes) -> None:
        """Tell it something; what it misses because it just died it is told after its restart."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            if self._process is not None and self._process.stdin is not None:
                self._process.stdin.write(command)
                self._process.stdin.flush()

    def _spawn(self) -> None:
        process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        with self._lock:
            self._process = process
        self.starts += 1

    def _run(self) -> None:
        while True:
            process = self._process
            assert process is not None
            assert process.stdout is not None
            self._told(self._listener.started)
            try:
                self._read(cast(BinaryIO, process.stdout))
            except Exception:  # what it said makes no sense: another may do better
                log.exception("subscriber could not be read")
                process.kill()
            status = process.wait()
            if self._ending.is_set():
                return
            log.error("subscriber ended, started again", status=status)
            while True:
                if self._ending.wait(_AGAIN_S):
                    return
                try:
                    self._spawn()
                except OSError as error:
                    log.error("subscriber not started", reason=error.strerror)
                else:
                    break

    def _read(self, source: BinaryIO) -> None:
        # What is read late was not late: the least that lies between the clocks is the truth.
        behind = math.inf
        for kind, content in wire.frames(source):
            if kind in (wire.AUDIO, wire.TICK):
                stamp = wire.stamp(content)
                behind = min(behind, time.monotonic() - stamp)
                now = stamp + behind
            match kind:
                case wire.AUDIO:
                    for tap, packets in wire.batches(content):
                        self._listener.heard(tap, packets, now)
                case wire.TICK:
                    self._listener.ticked(wire.tick(content), now)
                case wire.EVENT:
                    event = wire.event(content)
                    self._told(partial(self._listener.told, event))

    @staticmethod
    def _told(tell: Callable[[], None]) -> None:
        try:
            tell()
        except Exception:
            log.exception("subscriber's word could not be taken")
