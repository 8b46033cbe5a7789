"""Making and entering namespaces, and what must be set up in them, through the C library."""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MS_NOSUID, MS_NODEV, MS_NOEXEC = 2, 4, 8

CAPABILITY_VERSION_3 = 0x20080522
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2

# The same numbers on every architecture that runs Python (only alpha differs).
SYS_FSOPEN, SYS_FSCONFIG, SYS_FSMOUNT = 430, 431, 432
FSCONFIG_CMD_CREATE = 6
FS_CLOEXEC = 1
MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC = 2, 4, 8

SIOCETHTOOL = 0x8946
ETHTOOL_GLINK, ETHTOOL_STXCSUM, ETHTOOL_SSG, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO = 0x0A, 0x17, 0x19, 0x1F, 0x24, 0x2C

_libc = ctypes.CDLL(None, use_errno=True)
_libc.prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
_libc.syscall.restype = ctypes.c_long
_libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]


def _check(result: int, what: str) -> None:
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def unshare(flags: int) -> None:
    """Move this process into new namespaces (children only, for CLONE_NEWPID)."""
    _check(_libc.unshare(flags), "unshare")


def setns(fd: int, kind: int = CLONE_NEWNET) -> None:
    """Enter the namespace that a descriptor stands for."""
    _check(_libc.setns(fd, kind), "setns")


def mount(source: str, target: str, kind: str | None, flags: int) -> None:
    """Mount, in this process's mount namespace."""
    _check(_libc.mount(source.encode(), target.encode(), kind.encode() if kind else None, flags, None), f"mount {target}")


def map_self(uid: int, gid: int) -> None:
    """In a new user namespace: this user stays who it is, and nobody else exists.

    It is not mapped to root, because programs that drop root's rights by themselves (tcpdump) then fail: `setgroups` is
    denied to those who make a user namespace without help. The rights come as capabilities, see `keep_capabilities`.
    """
    for name, line in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        write_file(f"/proc/self/{name}", line)


def keep_capabilities() -> None:
    """Let what this process executes have all its capabilities, although it is not root.

    Source: capabilities(7), ambient set; capset(2) with version 3 of its structures.
    """
    header = ctypes.create_string_buffer(struct.pack("=Ii", CAPABILITY_VERSION_3, 0))
    data = ctypes.create_string_buffer(24)
    _check(_libc.capget(header, data), "capget")
    low_effective, low, _, high_effective, high, _ = struct.unpack("=6I", data.raw)
    data = ctypes.create_string_buffer(struct.pack("=6I", low_effective, low, low, high_effective, high, high), 24)
    _check(_libc.capset(header, data), "capset")
    for capability in range(64):
        if (low | high << 32) >> capability & 1:
            _check(_libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0), "prctl")


def write_file(path: str, value: str) -> None:
    """Write a file of /proc with one system call."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, value.encode())
    finally:
        os.close(fd)


def open_netns() -> int:
    """Return a descriptor of the network namespace that this process is in."""
    return os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def mount_own_proc() -> bool:
    """Mount a /proc that shows this PID namespace; false when the kernel refuses (a container with a masked /proc)."""
    try:
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    except OSError:
        return False
    return True


def private_proc() -> int:
    """Return a descriptor of a mount of /proc that is attached nowhere and ends with the descriptor.

    Source: fsopen(2), fsmount(2); Linux 5.8, which gives each mount of /proc its own memory.
    """
    context = _system_call("fsopen", SYS_FSOPEN, b"proc", FS_CLOEXEC)
    try:
        _system_call("fsconfig", SYS_FSCONFIG, context, FSCONFIG_CMD_CREATE, None, None, 0)
        return _system_call("fsmount", SYS_FSMOUNT, context, FS_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
    finally:
        os.close(context)


def _system_call(name: str, number: int, *arguments: bytes | int | None) -> int:
    converted = [ctypes.c_long(one) if isinstance(one, int) else ctypes.c_char_p(one) for one in arguments]
    result = int(_libc.syscall(ctypes.c_long(number), *converted))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def disable_offloads(control: int, ifname: str) -> None:
    """Turn tso, gso and gro off, so that what the queue sees is what the wire would.

    Args:
        control: any socket of the interface's namespace.
    """
    _ethtool(control, ifname, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO)


def disable_all_offloads(control: int, ifname: str) -> None:
    """Turn off what leaves work to a device: packets have checksums of their own and are never joined or in pieces.

    Args:
        control: any socket of the interface's namespace.
    """
    _ethtool(control, ifname, ETHTOOL_STSO, ETHTOOL_SGSO, ETHTOOL_SGRO, ETHTOOL_SSG, ETHTOOL_STXCSUM)


def settle_carrier(control: int, ifname: str) -> None:
    """Let an interface whose other end has just come up pass frames now.

    The kernel leaves that to a worker, which with a thousand new links takes seconds. Asking for the state has it done at once
    (since Linux 6.8; before, the worker does it as ever).

    Args:
        control: any socket of the interface's namespace.
    """
    _ethtool(control, ifname, ETHTOOL_GLINK)


def _ethtool(control: int, ifname: str, *commands: int) -> None:
    """Give commands with the value 0. Source: ethtool(8), linux/ethtool.h."""
    for command in commands:
        value = ctypes.create_string_buffer(struct.pack("=II", command, 0))
        request = struct.pack("16sP16x", ifname.encode(), ctypes.addressof(value))
        fcntl.ioctl(control, SIOCETHTOOL, request)
