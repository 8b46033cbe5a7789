"""What the namespace backend has on this machine, and what to do about what it lacks. For the plan and `nepi doctor`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nepi.execution.process_identity import boot_id
from nepi.hosts.namespace_host import missing_tools

PROBE = Path(__file__).parent / "agent" / "probe.py"
PROBE_DEADLINE_S = 20.0
FORMAT = 2
# Which Debian package has a tool, for those that no type of application declares (those say it themselves).
PACKAGES = {"ip": "iproute2", "tc": "iproute2", "nsenter": "util-linux", "ping": "iputils-ping"}


@dataclass(frozen=True, slots=True)
class NamespaceFacts:
    """What namespaces can do here.

    Attributes:
        kernel: release, like "6.1.0-18-amd64".
        uid: of the user who asked.
        usable: whether this user can make namespaces and links at all.
        error: the kernel's word when not.
        rootless: whether a user namespace is used.
        own_proc: whether a run gets a /proc of its own.
        qdiscs: queueing disciplines that work ("tbf", "netem", ...).
        links: kinds of links that work ("veth", "bridge", "vxlan", "tap", ...).
        nofile: soft and hard limit of open files.
        settings: /proc/sys values that matter, by path; None where the kernel has no such setting.
        missing: tools that were asked for and are not installed.
        userspace_links: "available"; if so "compiled", and "packets_per_s" of "frame_bytes" that the process which moves their frames
            can do with a core of its own; else "why".
    """

    kernel: str
    uid: int
    usable: bool
    error: str | None
    rootless: bool
    own_proc: bool
    qdiscs: tuple[str, ...]
    links: tuple[str, ...]
    nofile: tuple[int, int]
    settings: dict[str, str | None]
    missing: tuple[str, ...] = ()
    userspace_links: dict[str, Any] = field(default_factory=lambda: {"available": False, "why": "not tried"})

    @property
    def most_nodes(self) -> int:
        """How many nodes a run can have with the hard limit of open files: two files each."""
        return max((self.nofile[1] - 64) // 2, 0)

    def to_json(self) -> dict[str, Any]:
        """Return plain data; `from_json` takes it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> NamespaceFacts:
        """Return the facts that `to_json` gave, also after a way through JSON."""
        tuples = {name: tuple(value[name]) for name in ("qdiscs", "links", "nofile", "missing")}
        return cls(**{**value, **tuples})

    def advice(self) -> list[str]:
        """Return one sentence for each thing that is lacking: what, what it means, what to do."""
        found: list[str] = []
        if not self.usable:
            found.append(f"Namespaces cannot be made here ({self.error}): {self._why()}.")
            return [*found, *self._tool_advice()]
        if "tbf" not in self.qdiscs:
            found.append("The kernel has no TBF queue: links cannot limit their rate; use a kernel with CONFIG_NET_SCH_TBF.")
        if "netem" not in self.qdiscs:
            found.append(
                "The kernel has no netem queue: delay, loss and the like are done by a process of the run instead (see user-space links); "
                "load it (`sudo modprobe sch_netem`) or use a kernel with CONFIG_NET_SCH_NETEM for more packets a second."
            )
        if not self.userspace_links["available"]:
            found.append(f"Links cannot be made in user space: {self.userspace_links['why']}.")
        elif not self.userspace_links["compiled"]:
            found.append(
                "The user-space link was not compiled, and moves fewer packets: install a C compiler "
                "(`sudo apt install gcc libc6-dev`), then nepi again (`pip install --force-reinstall --no-deps nepi`)."
            )
        if "bridge" not in self.links:
            found.append("The kernel has no bridges: switches cannot be made; `sudo modprobe bridge` or use a kernel with CONFIG_BRIDGE.")
        if not self.own_proc:
            found.append("A second /proc is refused (a container with a masked one): commands see the processes of the whole machine.")
        if self.most_nodes < 1000:
            found.append(f"At most {self.most_nodes} nodes fit the limit of open files ({self.nofile[1]}): raise it (`ulimit -Hn`).")
        if self.uid != 0 and not self.rootless:
            found.append("An ordinary user without a user namespace: this should not be; please report it.")
        return [*found, *self._tool_advice()]

    def _tool_advice(self) -> list[str]:
        if not self.missing:
            return []
        packages = sorted({PACKAGES.get(tool, tool) for tool in self.missing})
        return [f"Not installed: {', '.join(self.missing)}; `sudo apt install {' '.join(packages)}`."]

    def _why(self) -> str:
        if self.settings.get("kernel/apparmor_restrict_unprivileged_userns") == "1":
            return "AppArmor restricts user namespaces; `sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0` allows them"
        if self.settings.get("kernel/unprivileged_userns_clone") == "0":
            return "ordinary users may not make user namespaces; `sudo sysctl -w kernel.unprivileged_userns_clone=1` allows it"
        for name in ("user/max_user_namespaces", "user/max_net_namespaces"):
            if self.settings.get(name) == "0":
                return f"`sudo sysctl -w {name.replace('/', '.')}=10000` allows them"
        return "run as root, or allow user namespaces; in a container, its security profile may forbid them"


def probe(tools: Sequence[str] = (), *, cached: bool = True) -> NamespaceFacts:
    """Find out what works, by trying it in a short-lived process.

    Args:
        tools: programs whose presence is checked, each time anew.
        cached: whether an answer of this boot, kernel and user may be used (kept in $XDG_CACHE_HOME/nepi).
    """
    missing = missing_tools(tools)
    path = _cache_path()
    if cached and (found := _read_cache(path)) is not None:
        return NamespaceFacts.from_json({**found, "missing": missing})
    facts = _run_probe()
    if facts.usable:
        _write_cache(path, facts)
    return NamespaceFacts.from_json({**facts.to_json(), "missing": missing})


def _run_probe() -> NamespaceFacts:
    try:
        done = subprocess.run(
            [sys.executable, "-I", "-S", str(PROBE)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_DEADLINE_S,
            check=False,
        )
        found: dict[str, Any] = json.loads(done.stdout)
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        return NamespaceFacts(os.uname().release, os.geteuid(), False, f"probe failed: {error}", False, False, (), (), (0, 0), {})
    return NamespaceFacts.from_json({**found, "usable": found["error"] is None, "missing": ()})


def _cache_path() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "nepi" / f"namespaces-{os.geteuid()}.json"


def _key() -> dict[str, Any]:
    where = str(Path("/proc/self/ns/net").readlink())
    return {"format": FORMAT, "boot_id": boot_id(), "uid": os.geteuid(), "kernel": os.uname().release, "netns": where}


def _read_cache(path: Path) -> dict[str, Any] | None:
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    facts = kept.pop("facts", None) if isinstance(kept, dict) else None
    return facts if isinstance(facts, dict) and kept == _key() else None


def _write_cache(path: Path, facts: NamespaceFacts) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({**_key(), "facts": facts.to_json()}))
    except OSError:
        pass  # Without a cache it is asked again; nothing else depends on it.
