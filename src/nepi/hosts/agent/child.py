"""What a command's process does between fork and exec."""

from __future__ import annotations

import os
import resource
import signal
import socket
from collections.abc import Mapping, Sequence
from typing import NamedTuple, NoReturn

from . import namespaces

# What Python ignores, and what a controller that was started in the background inherits as ignored.
_DEFAULT_SIGNALS = (
    signal.SIGCHLD,
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
    signal.SIGHUP,
)


class CommandSpec(NamedTuple):
    """A command as a client asks for it. Paths are absolute.

    Attributes:
        tag: the client's name for it, unique in the run.
        stderr: None for the same file as `stdout`.
        stdin: None for /dev/null.
        wire: whether it is the wire process: it then runs where the far ends of user-space links are, and its standard input is a
            conversation with the agent.
        open_stdin: standard input is a pipe that clients write to with `stdin` requests; `stdin` is not heeded then.
        owner: the client's number for whose command it is.
    """

    tag: str
    node: str
    argv: Sequence[str]
    cwd: str
    stdout: str
    stderr: str | None = None
    stdin: str | None = None
    env: Mapping[str, str] | None = None
    wire: bool = False
    open_stdin: bool = False
    owner: int = 0


class Surroundings(NamedTuple):
    """What every command inherits from the agent's start.

    Attributes:
        outside_proc: descriptor of the /proc that shows processes as the controller sees them.
        nofile: soft and hard limit of open files.
    """

    outside_proc: int
    umask: int
    nofile: tuple[int, int]
    env: Mapping[str, str]


def run_child(spec: CommandSpec, netns_fd: int, channel: socket.socket, around: Surroundings, stdin_fd: int | None = None) -> NoReturn:
    """Enter the node, tell who we are, wait for the byte `g`, execute. Never returns.

    On `channel`: "I <pid> <start time>", as the controller sees them; then, when something fails, "E <errno> <what>".
    End of file from this side means that the command executes; from the other side, that it must not.
    """
    what = "node"
    try:
        signal.set_wakeup_fd(-1)
        for number in _DEFAULT_SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        namespaces.setns(netns_fd)
        os.setsid()
        channel.send(f"I {own_identity(around.outside_proc)}\n".encode())
        if channel.recv(1) != b"g":
            os._exit(0)
        what = "limits"
        os.umask(around.umask)
        resource.setrlimit(resource.RLIMIT_NOFILE, around.nofile)
        what = f"working directory {spec.cwd}"
        os.makedirs(spec.cwd, exist_ok=True)
        os.chdir(spec.cwd)
        what = "standard input"
        _place(os.open(spec.stdin or os.devnull, os.O_RDONLY) if stdin_fd is None else stdin_fd, 0)
        what = "standard output"
        _place(os.open(spec.stdout, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), 1)
        what = "standard error"
        _place(os.dup(1) if spec.stderr is None else os.open(spec.stderr, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), 2)
        what = "program"
        env = {**around.env, **(spec.env or {}), "NEPI_COMMAND": spec.tag, "NEPI_NODE": spec.node}
        os.execvpe(spec.argv[0], list(spec.argv), env)
    except BaseException as error:
        code = error.errno if isinstance(error, OSError) else 0
        channel.send(f"E {code or 0} {what}\n".encode())
    os._exit(127)


def own_identity(outside_proc: int) -> str:
    """Return "<pid> <start time>" of this process as the /proc of another PID namespace shows them."""
    fd = os.open("self/stat", os.O_RDONLY | os.O_CLOEXEC, dir_fd=outside_proc)
    try:
        stat = os.read(fd, 1024).decode(errors="replace")
    finally:
        os.close(fd)
    return f"{stat.partition(' ')[0]} {stat.rpartition(')')[2].split()[19]}"


def _place(fd: int, target: int) -> None:
    if fd != target:
        os.dup2(fd, target)
        os.close(fd)
    else:
        os.set_inheritable(fd, True)
