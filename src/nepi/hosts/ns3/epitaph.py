"""Why a simulation process has ended, for people, from what it wrote last."""

from __future__ import annotations

import re
import signal

_MESSAGE = re.compile(r'msg="((?:[^"\\]|\\.|"(?!, ))*)"')
_ASSERTED = re.compile(r'cond="([^"]*)"')


def reason_of_death(status: int | None, what: str, words: str) -> str:
    """Return the reason.

    Args:
        status: as `subprocess` has it: the exit status, or minus the signal; None when it is not known.
        what: what the process itself said last: "terminate", the name of a signal, or "".
        words: the end of its standard error.
    """
    found = _MESSAGE.findall(words)
    if what == "terminate":
        asserted = _ASSERTED.findall(words)
        said = found[-1] if found else (f"it wants {asserted[-1]}" if asserted else _last_line(words))
        return f"ns-3 gave up: {said}" if said else "ns-3 gave up without a word"
    if what.startswith("SIG"):
        return f"ns-3 crashed ({what}: {_MEANING.get(what, 'a fault in its C++ code')})"
    if status is not None and status < 0:
        return f"the ns-3 process was killed ({_name(-status)})"
    if status:
        said = _last_line(words)
        return f"the ns-3 process ended with status {status}" + (f": {said}" if said else "")
    return "the ns-3 process has ended"


_MEANING = {
    "SIGSEGV": "it used memory that is not there",
    "SIGFPE": "it divided by zero, or the like",
    "SIGABRT": "it gave up",
}


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _last_line(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip() and "g_timeInitHelper" not in line and "cling" not in line]
    return lines[-1][:300] if lines else ""
