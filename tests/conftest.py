"""What every test gets: a home of its own, a check that it leaves nothing behind, and skips that CI has to expect."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from hypothesis import settings

EXPECTED_SKIPS: Final = (
    # (what the reason matches, why CI may skip it)
    (r"^needs root$", "the part of the suite that runs as an ordinary user; the other part runs as root"),
    (
        r"^needs (a C compiler|the compiled part)",
        "without a compiler the user-space link works in Python; where there is one, both are tested",
    ),
    (r"^needs (gre|wireguard|dummy|ifb)$", "kernels of cloud machines often have none; `make test-kernel` has them"),
    (r"^needs a kernel without tunnels$", "the stock kernel has them all"),
    (r"^needs netem", "kernels of cloud machines and containers often have no netem"),
)
"""Under CI a skip with any other reason fails the session: a suite that quietly shrinks proves less every week."""

LEAK_GRACE_S: Final = 2.0
SESSION_VARIABLE: Final = "NEPI_TEST_SESSION"

# Shared cores make single examples slow now and then, so no deadline; CI tries the same examples each time.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)


def is_ci() -> bool:
    """Whether a skip that nobody expected must fail."""
    return any(os.environ.get(name, "").lower() in ("1", "true", "yes") for name in ("NEPI_CI", "CI"))


CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_PRIVATE_ALL = 0x44000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1


def leave_the_machines_network() -> None:
    """Give the session a network of its own, with a loopback and nothing else, where root may.

    So the traffic of tests cannot get out, and what neighbours make and remove meanwhile is not taken for something that a test left.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0 or libc.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        return
    libc.mount(b"none", b"/", None, ctypes.c_ulong(MS_PRIVATE_ALL), None)
    if Path("/run/netns").is_dir():
        libc.mount(b"none", b"/run/netns", b"tmpfs", ctypes.c_ulong(0), None)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def pytest_configure(config: pytest.Config) -> None:
    leave_the_machines_network()
    settings.load_profile("ci" if is_ci() else "here")
    os.environ[SESSION_VARIABLE] = uuid.uuid4().hex  # inherited by all that is started, however it detaches itself
    if is_ci() and not hasattr(config, "workerinput"):  # with xdist, only the process that sees all reports judges
        config.pluginmanager.register(SkipJudge(), "nepi-skip-judge")


class SkipJudge:
    """Fails the session for skips that EXPECTED_SKIPS does not name."""

    def __init__(self) -> None:
        self.unexpected: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._see(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._see(report)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        if self.unexpected and exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.unexpected:
            terminalreporter.section("skips that CI does not expect (see EXPECTED_SKIPS in tests/conftest.py)", red=True, bold=True)
            for line in self.unexpected:
                terminalreporter.line(line)

    def _see(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if not report.skipped or hasattr(report, "wasxfail"):
            return
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if not any(re.search(pattern, reason) for pattern, _ in EXPECTED_SKIPS):
            self.unexpected.append(f"{report.nodeid}: {reason}")


@cache
def why_no_namespaces() -> str:
    """Say why this user cannot make network namespaces; "" when it can."""
    arguments = ["unshare", "--net", "--mount", "true"] if os.geteuid() == 0 else ["unshare", "-Urnm", "true"]
    if shutil.which(arguments[0]) is None:
        return "needs unshare (Debian package util-linux)"
    tried = subprocess.run(arguments, capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"needs network namespaces: {' '.join(arguments)}: {tried.stderr.strip()}"


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("root") and os.geteuid() != 0:
        pytest.skip("needs root")
    if item.get_closest_marker("netns") and (reason := why_no_namespaces()):
        pytest.skip(reason)


@pytest.fixture(scope="session", autouse=True)
def private_home() -> Generator[Path]:
    """Keep tests out of the user's ~/.nepi. The path is short, because UNIX sockets below it may have 107 characters."""
    before = os.environ.get("HOME")
    with tempfile.TemporaryDirectory(prefix="nepi-") as home:
        os.environ["HOME"] = home
        yield Path(home)
        if before is None:
            del os.environ["HOME"]
        else:
            os.environ["HOME"] = before


@pytest.fixture(scope="session", autouse=True)
def one_nursery() -> Generator[None]:
    """Import ns-3 once for all tests of a session: its nursery is kept from test to test, and ended here."""
    yield
    start = sys.modules.get("nepi.hosts.ns3.start")
    if start is not None:
        start.end_nursery()


def kept() -> list[tuple[int, set[int]]]:
    """Return the process of ns-3's nursery, and the descriptors that are open for it: no test has left those."""
    start = sys.modules.get("nepi.hosts.ns3.start")
    return [] if start is None else start.held()


@pytest.fixture(autouse=True)
def leaves_nothing(request: pytest.FixtureRequest) -> Generator[None]:
    """Fail a test that leaves open files, threads, processes or, if it makes namespaces, interfaces and their names."""
    node = request.node
    if node.get_closest_marker("leaves"):
        yield
        return
    wide = any(node.get_closest_marker(marker) for marker in ("netns", "root", "slow", "ns3"))
    before = what_is_open(wide=wide)
    yield
    deadline = time.monotonic() + LEAK_GRACE_S
    while left := {what: more for what, more in what_is_open(wide=wide).items() if what not in before}:
        gc.collect()
        if time.monotonic() > deadline:
            pytest.fail("left behind:\n" + "\n".join(f"  {what} {more}" for what, more in sorted(left.items())))
        threading.Event().wait(0.01)


def what_is_open(*, wide: bool) -> dict[str, str]:
    """Return everything that this process holds or started, with a word on each; `wide` looks at the machine too."""
    found = {f"thread {thread.ident}": thread.name for thread in threading.enumerate()}
    nurseries, descriptors = {pid for pid, _ in kept()}, {str(fd) for _, fds in kept() for fd in fds}
    found |= {f"file {entry} -> {target}": "" for entry, target in open_files() if entry not in descriptors}
    # What a process is called may change while it lives; that is why its name is no part of what is compared.
    found |= {f"process {pid}": command_of(pid) for pid in (session_processes() if wide else children()) if pid not in nurseries}
    if wide:
        # Not from /sys, which shows those of the network namespace in which it was mounted.
        found |= {f"interface {name}": "" for _, name in socket.if_nameindex()}
        named = Path("/run/netns")
        found |= {f"namespace {path.name}": "" for path in named.iterdir()} if named.is_dir() else {}
    return found


def open_files() -> list[tuple[str, str]]:
    found = []
    for entry in os.listdir("/proc/self/fd"):  # noqa: PTH208 - cheap, before and after each test
        try:
            found.append((entry, os.readlink(f"/proc/self/fd/{entry}")))  # noqa: PTH115
        except FileNotFoundError:  # the one that listed the folder
            continue
    return found


def children() -> list[int]:
    """Return the children of this process, zombies included."""
    found = []
    for thread in os.listdir("/proc/self/task"):  # noqa: PTH208  # as below
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has just ended
            found += [int(pid) for pid in Path("/proc/self/task", thread, "children").read_text().split()]
    return found


def session_processes() -> list[int]:
    """Return every process that was started, directly or not, by this test session, detached ones included."""
    mark = f"{SESSION_VARIABLE}={os.environ[SESSION_VARIABLE]}".encode()
    found = set(children())
    for name in os.listdir("/proc"):  # noqa: PTH208  # pathlib's glob looks into each folder, and fails when it has just gone
        try:
            if name.isdigit() and mark in Path("/proc", name, "environ").read_bytes().split(b"\0"):
                found.add(int(name))
        except OSError:  # ended meanwhile, or somebody else's
            continue
    return sorted(found - {os.getpid()})


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip() or "(ended, not waited for)"
    except OSError:
        return "(ended)"
