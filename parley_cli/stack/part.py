"""What the supervisor must know of one part of the stack to run it."""

import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Probe = Callable[[], Awaitable[None]]
"""Returns when the part answers as it should; raises any `Exception` while it does not."""


async def nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True)
class Part:
    """One process of the stack.

    Attributes:
        name: how people call it; also names its log file.
        argv: the command.
        url: where others reach it.
        probe: asks the running part whether it serves.
        needs: parts that have to serve before this one starts.
        environment: variables on top of the supervisor's own.
        folder: working directory; None is the supervisor's.
        ready_within_s: how long it may take to serve.
        prepare: run each time the part begins to serve, before those that need it start.
        stop_signals: what to send, each followed by its patience in seconds; SIGKILL ends the list.
        orphan_signal: what the kernel sends it when the supervisor dies without stopping it.
    """

    name: str
    argv: Sequence[str]
    url: str
    probe: Probe
    needs: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None
    ready_within_s: float = 30.0
    prepare: Callable[[], Awaitable[None]] = nothing
    stop_signals: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 10.0),)
    orphan_signal: signal.Signals = signal.SIGTERM
