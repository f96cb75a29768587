"""Free ports on the loopback interface for the parts of a stack."""

import random
import socket
from collections.abc import Iterable, Mapping

import psutil

from parley.errors import SetupError

LOOPBACK = "127.0.0.1"
# Below the kernel's ephemeral range: no outgoing connection can take the port of a part that is
# just being restarted.
_RANGE = range(20_000, 32_000)
_TRIES = 500


class PortTakenError(SetupError):
    """A port that was asked for belongs to another program."""

    code = "port-taken"


def choose_ports(
    names: Iterable[str],
    *,
    wanted: Mapping[str, int],
    preferred: Mapping[str, int],
    rng: random.Random,
) -> dict[str, int]:
    """A port for each name, free for TCP and UDP at this moment.

    Args:
        names: what needs a port.
        wanted: ports that must be these.
        preferred: ports from last time, used again if they are free.
        rng: where the others come from.

    Raises:
        PortTakenError: one of the wanted ports is taken.
        SetupError: the range is full.
    """
    chosen: dict[str, int] = {}
    for name in names:
        if name in wanted:
            port = wanted[name]
            if port in chosen.values() or not is_free(port):
                raise PortTakenError(
                    f"Port {port} for {name} is taken{_by_whom(port)}: "
                    f"stop what uses it or choose another port."
                )
        else:
            candidates = [preferred[name]] if name in preferred else []
            candidates += [rng.choice(_RANGE) for _ in range(_TRIES)]
            reserved = set(chosen.values()) | set(wanted.values())
            found = next((c for c in candidates if c not in reserved and is_free(c)), None)
            if found is None:
                raise SetupError(f"No free port between {_RANGE.start} and {_RANGE.stop}.")
            port = found
        chosen[name] = port
    return chosen


def is_free(port: int) -> bool:
    """Whether a server could listen on the port now, with TCP and UDP."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:  # as servers do: a connection's remains are no bar
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                return False
    return True


def _by_whom(port: int) -> str:
    try:
        for connection in psutil.net_connections(kind="inet"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (pid {connection.pid})"
    except psutil.Error:
        pass
    return ""
