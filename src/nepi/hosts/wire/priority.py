"""How a process gets to be woken on time."""

from __future__ import annotations

import ctypes
import os

PR_SET_TIMERSLACK = 29
REAL_TIME_PRIORITY = 1


def be_punctual() -> str:
    """Ask for exact timers, and to go before others where that is allowed; return which of the two was had.

    By default the kernel lets a timer be 50 microseconds late, so that it can serve several at once.
    """
    ctypes.CDLL(None).prctl(PR_SET_TIMERSLACK, 1, 0, 0, 0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(REAL_TIME_PRIORITY))
    except OSError:
        return "timers"
    return "timers and priority"
