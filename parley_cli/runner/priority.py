"""Lets live captions come first where the kernel shares the processor out by session.

Linux with autogrouping (the default on desktops) gives every session an equal share and heeds nice
values only within one, so the workers' niceness would do nothing for the fleet in another session
(sched(7), "The autogroup feature").
"""

import os
from contextlib import suppress
from pathlib import Path

SESSION_NICENESS = 5


def give_way(autogroup: Path = Path("/proc/self/autogroup")) -> None:
    """Make this process's session yield to others; nothing where it is not a session of its own."""
    if os.getsid(0) != os.getpid():
        return  # somebody's terminal
    with suppress(OSError):  # another kernel, or one without autogroups
        autogroup.write_text(str(SESSION_NICENESS))
