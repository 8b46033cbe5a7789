"""Run a command in a node, from outside: `enter.py AGENT_PID NETNS_FD user|root FOLDER NODE PROGRAM [ARGUMENT...]`.

What nsenter does, and the capabilities of a rootless run besides. The command does not belong to the run.
"""

from __future__ import annotations

import os
import sys

if not __package__:
    import importlib.util

    _here = os.path.dirname(os.path.abspath(__file__))
    _spec = importlib.util.spec_from_file_location("nepi_agent", os.path.join(_here, "__init__.py"), submodule_search_locations=[_here])
    assert _spec is not None
    assert _spec.loader is not None
    _package = importlib.util.module_from_spec(_spec)
    sys.modules["nepi_agent"] = _package
    _spec.loader.exec_module(_package)
    __package__ = "nepi_agent"

import signal
from collections.abc import Sequence

from . import namespaces


def enter(agent: str, netns_fd: str, *, rootless: bool) -> None:
    """Enter the namespaces of a node; the PID namespace is that of children only.

    Raises:
        OSError: the agent is gone, or another user's.
    """
    kinds = [("ns/mnt", namespaces.CLONE_NEWNS), ("ns/pid_for_children", namespaces.CLONE_NEWPID)]
    if rootless:
        kinds.insert(0, ("ns/user", namespaces.CLONE_NEWUSER))
    opened = [(os.open(f"/proc/{agent}/{name}", os.O_RDONLY | os.O_CLOEXEC), kind) for name, kind in kinds]
    opened.append((os.open(f"/proc/{agent}/fd/{netns_fd}", os.O_RDONLY | os.O_CLOEXEC), namespaces.CLONE_NEWNET))
    for fd, kind in opened:
        namespaces.setns(fd, kind)
        os.close(fd)
    if rootless:
        namespaces.keep_capabilities()


def execute(argv: Sequence[str], folder: str, node: str) -> int:
    """Run a command as a child and return its status, as a shell would tell it."""
    pid = os.fork()
    if pid == 0:
        try:
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            os.chdir(folder)
            os.environ["NEPI_NODE"] = node
            os.execvp(argv[0], list(argv))
        except OSError as error:
            print(f"{argv[0]}: {error.strerror}", file=sys.stderr, flush=True)
            os._exit(126 if isinstance(error, PermissionError) else 127)
    # The terminal sends these to the child as well, and it decides.
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: os.kill(pid, signal.SIGTERM))
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return status if status >= 0 else 128 - status


def main(agent: str, netns_fd: str, user: str, folder: str, node: str, *argv: str) -> int:
    """Enter and run."""
    try:
        enter(agent, netns_fd, rootless=user == "user")
    except OSError as error:
        print(f"cannot enter node {node!r}: {error.strerror or error}; the run has ended or is another user's", file=sys.stderr)
        return 125
    return execute(argv, folder, node)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
