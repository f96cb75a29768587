"""Runs a program that dies with its parent: `python -I -S tether.py SIGNAL PARENT_PID COMMAND…`.

The kernel sends the signal when the parent is gone, however it went (Linux; elsewhere the program
is merely run, and the next `up` ends what an earlier one left behind). A program of its own rather
than a hook after fork, which is unsafe in a process with threads; it replaces itself by the command
and so keeps the pid.
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """Tie this process to its parent and become the command."""
    signal_number, parent, command = int(arguments[0]), int(arguments[1]), arguments[2:]
    if sys.platform == "linux":
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
            sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
        if os.getppid() != parent:  # it died before the tie was made
            sys.exit("the supervisor is gone")
    try:
        os.execvp(command[0], command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
