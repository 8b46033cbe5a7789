"""What is said of a process that has died."""

from __future__ import annotations

import pytest

from nepi.hosts.ns3.epitaph import reason_of_death

FATAL = (
    "some noise\n"
    'aborted. cond="m_peer.IsInvalid()", msg="Remote address not properly set", +0.000000000s 0 file=/gcl-builds/x.cc, line=180\n'
    "NS_FATAL, terminating\n"
)


@pytest.mark.parametrize(
    ("status", "what", "words", "reason"),
    [
        (134, "terminate", FATAL, "ns-3 gave up: Remote address not properly set"),
        (134, "terminate", 'assert failed. cond="x > 0", +1s 0 file=a.cc', "ns-3 gave up: it wants x > 0"),
        (134, "terminate", "terminate called\nlast line\n", "ns-3 gave up: last line"),
        (134, "terminate", "", "ns-3 gave up without a word"),
        (139, "SIGSEGV", FATAL, "ns-3 crashed (SIGSEGV: it used memory that is not there)"),
        (136, "SIGFPE", "", "ns-3 crashed (SIGFPE: it divided by zero, or the like)"),
        (-9, "", "", "the ns-3 process was killed (SIGKILL)"),
        (-99, "", "", "the ns-3 process was killed (signal 99)"),
        (1, "", "Traceback\nImportError: no\n", "the ns-3 process ended with status 1: ImportError: no"),
        (0, "", "", "the ns-3 process has ended"),
        (None, "", "", "the ns-3 process has ended"),
    ],
)
def test_the_reason_is_readable(status: int | None, what: str, words: str, reason: str) -> None:
    assert reason_of_death(status, what, words) == reason
