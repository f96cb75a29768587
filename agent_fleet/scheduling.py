"""How the fleet's own threads share a core: those that can wait must not interrupt the others."""

import contextlib
import os
import sys
import threading


def give_way(niceness: int = 0) -> None:
    """Have the calling thread wait for its turn when it is woken, rather than interrupt another.

    Thirty recognisers are woken by the thread in which audio arrives, which holds the interpreter's
    lock: a thread that cut in there would only wait for that lock, at the price of two switches.

    Args:
        niceness: added to the thread's, 0..19; only on Linux, where threads have their own.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))  # 0: this thread
        if niceness:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), niceness)
