"""What namespaces can do for this user on this kernel, found by trying: `python3 -I -S .../hosts/agent/probe.py`.

Prints one JSON object. Everything is tried in namespaces of this process, which end with it.
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

import fcntl
import json
import resource
import struct
from typing import Any

from . import ceiling, namespaces, queues, requests
from .netlink import NLM_F_CREATE, NLM_F_EXCL, NetlinkSocket, Request, nested, number, text

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x2, 0x1000
QDISCS = ("tbf", "htb", "netem", "pfifo", "fq", "fq_codel", "codel", "sfq", "red", "cake", "prio", "ingress")
SETTINGS = (
    "kernel/unprivileged_userns_clone",
    "kernel/apparmor_restrict_unprivileged_userns",
    "user/max_user_namespaces",
    "user/max_net_namespaces",
    "net/ipv4/neigh/default/gc_thresh3",
    "net/ipv4/tcp_congestion_control",
    "net/ipv4/tcp_available_congestion_control",
)


def probe() -> dict[str, Any]:
    """Return what was found; `error` says why nothing can be made."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found: dict[str, Any] = {
        "kernel": os.uname().release,
        "uid": os.geteuid(),
        "nofile": [soft, hard],
        "settings": {name: _read(name) for name in SETTINGS},
        "error": None,
        "rootless": False,
        "own_proc": False,
        "qdiscs": [],
        "links": [],
        "userspace_links": {"available": False, "why": "namespaces cannot be made here"},
    }
    try:
        found["rootless"] = _enter()
        found["userspace_links"] = ceiling.measure()  # before `_own_proc`, which hides the caller's own entry in /proc
        found["own_proc"] = _own_proc()
        _try_all(found)
    except OSError as error:
        found["error"] = error.strerror or str(error)
    return found


def _read(name: str) -> str | None:
    try:
        with open(f"/proc/sys/{name}", encoding="ascii") as file:
            return file.read().strip()
    except OSError:
        return None


def _enter() -> bool:
    flags = namespaces.CLONE_NEWNS | namespaces.CLONE_NEWNET | namespaces.CLONE_NEWPID
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        try:
            namespaces.unshare(flags)
        except PermissionError:
            pass
        else:
            return False
    namespaces.unshare(flags | namespaces.CLONE_NEWUSER)
    namespaces.map_self(uid, gid)
    return True


def _own_proc() -> bool:
    """Try a second /proc, in a child, because only children are in the new PID namespace."""
    pid = os.fork()
    if pid == 0:
        try:
            namespaces.mount("none", "/", None, namespaces.MS_REC | namespaces.MS_PRIVATE)
            os._exit(0 if namespaces.mount_own_proc() else 1)
        except OSError:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _try_all(found: dict[str, Any]) -> None:
    netlink = NetlinkSocket()
    veth = requests.veth(requests.LinkEnd("a", 1001), requests.LinkEnd("b", 1002))
    error = netlink.transact([veth])[0]
    if error is not None:
        raise error
    links = {"veth": None, "bridge": netlink.transact([requests.bridge("br", 1003)])[0]}
    for kind, options in (("vxlan", nested(requests.IFLA_INFO_DATA, number(1, 7))), ("dummy", b"")):
        links[kind] = netlink.transact([_link(kind, options)])[0]
    found["links"] = [kind for kind, failed in links.items() if failed is None] + (["tap"] if _tap() else [])
    found["qdiscs"] = [kind for kind in QDISCS if not any(netlink.transact(queues.trial(1001, kind))[1:])]
    netlink.close()


def _link(kind: str, options: bytes) -> Request:
    body = struct.pack("=BxHiII", 0, 0, 0, 0, 0) + nested(requests.IFLA_LINKINFO, text(requests.IFLA_INFO_KIND, kind), options)
    return Request(requests.RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, body)


def _tap() -> bool:
    try:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", b"t0", IFF_TAP | IFF_NO_PI))
    except OSError:
        return False
    finally:
        os.close(fd)
    return True


if __name__ == "__main__":
    print(json.dumps(probe()))
