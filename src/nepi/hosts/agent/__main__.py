"""Start of the agent: `python3 -I -S .../hosts/agent/__main__.py`.

Standard input says first `{"run_dir": ..., "rootless": ...}`; nothing is done before. Standard output then says `{"pid": n}` (as
the caller sees it), and, after the caller has written `go`, `{"ready": ...}`; or `{"error": ..., "errno": ..., "what": ...}`
instead. End of file on standard input before `go` ends the agent.

With `"from_afar": true`, for a controller on another machine, it also makes the folder, says `start_ticks`, keeps hold of the machine's
own network for links to other machines, and the process that was started ends only when all is said.
"""

from __future__ import annotations

import os
import sys

if not __package__:
    # Started by path: let the sibling modules find each other, under a name that clashes with nothing.
    import importlib.util

    _here = os.path.dirname(os.path.abspath(__file__))
    _spec = importlib.util.spec_from_file_location("nepi_agent", os.path.join(_here, "__init__.py"), submodule_search_locations=[_here])
    assert _spec is not None
    assert _spec.loader is not None
    _package = importlib.util.module_from_spec(_spec)
    sys.modules["nepi_agent"] = _package
    _spec.loader.exec_module(_package)
    __package__ = "nepi_agent"

import contextlib
import gc
import json
import resource
import socket
from typing import Any

from . import namespaces
from .child import Surroundings, own_identity
from .server import Server, write_hosts
from .tunnels import Underlay


def main() -> None:
    """Wait for orders, unshare, fork, report, and be the agent."""
    orders = sys.stdin.buffer.readline()
    if not orders:
        os._exit(0)
    asked = json.loads(orders)
    what = "folder"
    try:
        underlay = None
        if asked.get("from_afar"):
            os.makedirs(asked["run_dir"], mode=0o700, exist_ok=True)
        os.chdir(asked["run_dir"])
        _log_here()
        what = "namespaces"
        if asked.get("from_afar"):
            underlay = Underlay(namespaces.open_netns())
        rootless = _unshare(asked["rootless"])
        what = "process"
        listening, speaking = os.pipe2(os.O_CLOEXEC)
        pid = os.fork()
    except OSError as error:
        _say({"error": error.strerror or str(error), "errno": error.errno, "what": what})
        sys.exit(1)
    if pid:
        _say({"pid": pid, "start_ticks": _start_ticks(pid)} if asked.get("from_afar") else {"pid": pid})
        os.close(speaking)
        if asked.get("from_afar"):
            os.read(listening, 1)  # sshd passes nothing on to a command whose first process has ended
        os._exit(0)
    os.close(listening)
    if sys.stdin.buffer.readline() != b"go\n":
        os._exit(1)
    try:
        server = _prepare(rootless, underlay)
    except OSError as error:
        _say({"error": str(error), "errno": error.errno, "what": "setup"})
        os._exit(1)
    os.close(speaking)
    server.run()
    os._exit(0)


def _say(message: dict[str, Any]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _start_ticks(pid: int) -> int:
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return int(file.read().rpartition(")")[2].split()[19])


def _unshare(rootless: bool) -> bool:
    flags = namespaces.CLONE_NEWNS | namespaces.CLONE_NEWNET | namespaces.CLONE_NEWPID
    uid, gid = os.geteuid(), os.getegid()
    if not rootless and uid == 0:
        try:
            namespaces.unshare(flags)
        except PermissionError:
            pass  # Root without the right (a container): as an ordinary user, then.
        else:
            return False
    namespaces.unshare(flags | namespaces.CLONE_NEWUSER)
    namespaces.map_self(uid, gid)
    namespaces.keep_capabilities()
    return True


def _prepare(rootless: bool, underlay: Underlay | None) -> Server:
    os.setsid()
    outside_proc = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    outer_pid, start_ticks = own_identity(outside_proc).split()
    # Nothing that is mounted here is seen outside, and nothing mounted outside later is seen here.
    namespaces.mount("none", "/", None, namespaces.MS_REC | namespaces.MS_PRIVATE)
    own_proc = namespaces.mount_own_proc()
    write_hosts([])
    hosts_bound = _try_bind("hosts", "/etc/hosts")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    umask = os.umask(0o077)
    with contextlib.suppress(FileNotFoundError):
        os.unlink("agent.sock")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    listener.bind("agent.sock")
    listener.listen(64)
    os.umask(0o022)
    features = {
        "pid": int(outer_pid),
        "start_ticks": int(start_ticks),
        "rootless": rootless,
        "own_proc": own_proc,
        "hosts": hosts_bound,
        "nofile": hard,
    }
    around = Surroundings(outside_proc, umask, (soft, hard), _environment())
    server = Server(listener, around, features, underlay)
    gc.freeze()
    _detach(features)
    return server


def _try_bind(source: str, target: str) -> bool:
    try:
        namespaces.mount(source, target, None, namespaces.MS_BIND)
    except OSError as error:
        print(f"{target}: {error}", file=sys.stderr)
        return False
    return True


def _environment() -> dict[str, str]:
    env = dict(os.environ)
    path = env.get("PATH", "/usr/local/bin:/usr/bin:/bin").split(":")
    # Ordinary users often lack these, and ip and tcpdump live there.
    env["PATH"] = ":".join([*path, *(extra for extra in ("/usr/local/sbin", "/usr/sbin", "/sbin") if extra not in path)])
    return env


def _detach(features: dict[str, Any]) -> None:
    """Say that all is ready, and let go of everything that belongs to the caller."""
    null = os.open(os.devnull, os.O_RDONLY)
    _say({"ready": True, **features})
    os.dup2(null, 0)
    os.dup2(2, 1)
    os.close(null)


def _log_here() -> None:
    log = os.open("agent.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    os.dup2(log, 2)
    os.close(log)


if __name__ == "__main__":
    main()
