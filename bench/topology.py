"""Topology: star and chain of namespaces up with addresses, and down again, beside bare netlink, `ip -batch` and Mininet.

A star is one switch with n hosts; a chain is n hosts, each linked to the next; each link end in a host has an IPv4 and an IPv6
address (Mininet: IPv4 only), and nobody gets routes, as with the peers. NEPI does it through its public API, agent, ledger and journal
included. Each case runs in a process of its own, round by round with its peers, so that the ratios compare neighbours in time.

*up* is from the first line of the description until every resource is READY; imports are not counted, for the peers neither, nor what
is found out once for each boot of the machine. *down*
is from the call of `shutdown()` until it returns: every resource RELEASED, the agent's process gone, the ledger empty. For the
peers it is until every reference to the namespaces is dropped; the kernel frees them later, in all cases alike, and the next case
waits for that. After NEPI's *up*, outside of the time, a ping must get through; after its *down* nothing may be left.

    python bench/topology.py [--shapes star,chain] [--hosts 100,300,1000] [--systems ...] [--repeat 3] [--rootless] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent / "src"
ASKED = 1.5
"""How many times as long as bare netlink NEPI may take."""
MININET_PYTHON = "/usr/bin/python3"
CASE_DEADLINE_S = 600.0
FREED_DEADLINE_S = 60.0
FREED_STABLE_S = 0.3
"""The kernel's counter lags a little and knows of everybody's namespaces: it may never come back to what it was."""
AS_NOBODY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all"]

Figures = dict[str, float]


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shapes", default="star,chain")
    parser.add_argument("--hosts", default="100,300,1000")
    parser.add_argument("--systems", default="", help="of " + ",".join(SYSTEMS) + "; by default all that this user has")
    parser.add_argument("--rootless", action="store_true", help="NEPI and bare netlink as an ordinary user only (from root: as nobody)")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", nargs=3, metavar=("SYSTEM", "SHAPE", "HOSTS"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        system, shape, hosts = asked.one
        print(json.dumps({"nepi": nepi, "ip": ip_batch, "mininet": mininet}[system](shape, int(hosts))))
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), hard))
    names = asked.systems.split(",") if asked.systems else ["bare-rootless", "nepi-rootless"] if asked.rootless else list(SYSTEMS)
    systems = [SYSTEMS[name] for name in names if can_run(SYSTEMS[name])]
    rows = [
        row
        for shape in asked.shapes.split(",")
        for hosts in map(int, asked.hosts.split(","))
        for row in measure(shape, hosts, systems, asked.repeat)
    ]
    show(rows)
    if asked.json:
        machine = {"kernel": platform.release(), "cpus": os.cpu_count(), "python": platform.python_version(), "date": time.strftime("%F")}
        asked.json.write_text(json.dumps({"machine": machine, "asked": ASKED, "rows": rows}, indent=1) + "\n")


# The systems, each in a process of its own.


def nepi(shape: str, hosts: int) -> Figures:
    """Bring a topology up and down on NEPI."""
    from nepi import ExperimentController
    from nepi.execution.ledger import Ledger
    from nepi.execution.process_identity import ProcessIdentity
    from nepi.resources.netns import probe

    probe()  # what the machine can do is found out once for each boot; the backend is imported now
    with tempfile.TemporaryDirectory(prefix="nepi-bench-") as folder:
        began = perf_counter()
        ec = ExperimentController("topology", local_dir=folder, backend="netns", routing="none")  # as the peers
        if shape == "star":
            switch = ec.add("Switch", name="switch")
        nodes = [ec.add("Node", name=f"h{number}") for number in range(hosts)]
        if shape == "star":
            for node in nodes:
                ec.add("Link", node, switch)
        else:
            for left, right in zip(nodes, nodes[1:], strict=False):
                ec.add("Link", left, right)
        described = perf_counter()
        ec.deploy()
        deployed = perf_counter()
        result = ec.wait_deployed(list(ec.resources))
        up = perf_counter()
        assert result, result.reason
        far = nodes[-1] if shape == "star" else nodes[1]
        ping = ec.exec(nodes[0], ["ping", "-n", "-c", "1", "-W", "5", far.name], deadline="30s")
        assert ping.exit.status == 0, ping.stdout + ping.stderr
        agents = [ProcessIdentity.from_json(row.identity) for row in ec.ledger.rows() if row.kind == "agent"]
        going = perf_counter()
        ec.shutdown()
        down = perf_counter()
        assert all(ec.state(guid, hr=True) == "RELEASED" for guid in ec.resources)
        assert agents
        assert not any(agent is not None and agent.is_alive() for agent in agents)
        assert Ledger(Path(ec.run_dir) / "ledger.sqlite").rows() == []
    return {"describe": described - began, "deploy": deployed - described, "up": up - began, "down": down - going}


def ip_batch(shape: str, hosts: int) -> Figures:
    """The same with ip(8): one batch for the namespaces, one for the links, and one for the inside of each namespace."""
    Path("/run/netns").mkdir(exist_ok=True)
    subprocess.run(["mount", "-t", "tmpfs", "none", "/run/netns"], check=True)
    names = [f"h{number}" for number in range(hosts)]
    inside: dict[str, list[str]] = {name: ["link set lo up"] for name in names}
    links = ["link add br0 up type bridge forward_delay 0"] if shape == "star" else []
    pairs = [(number, number) for number in range(hosts)] if shape == "star" else [(number, number + 1) for number in range(hosts - 1)]
    for number, (left, right) in enumerate(pairs):
        if shape == "star":
            links += [f"link add p{number} type veth peer name eth0 netns {names[left]}", f"link set p{number} master br0 up"]
            ends = [(left, "eth0")]
        else:
            links += [f"link add right netns {names[left]} type veth peer name left netns {names[right]}"]
            ends = [(left, "right"), (right, "left")]
        for side, (host, ifname) in enumerate(ends):
            value = 2 * number + side + 1
            inside[names[host]] += [
                f"link set {ifname} up",
                f"addr add 10.{value >> 16}.{value >> 8 & 255}.{value & 255}/8 dev {ifname}",
                f"addr add fd00::{value:x}/64 dev {ifname} nodad",
            ]
    began = perf_counter()
    _ip(["netns add " + name for name in names])
    _ip(links)
    for name, lines in inside.items():
        _ip(lines, "-n", name)
    up = perf_counter()
    _ip(["netns del " + name for name in names])
    return {"up": up - began, "down": perf_counter() - up}


def _ip(lines: list[str], *options: str) -> None:
    subprocess.run(["ip", *options, "-batch", "-"], input="\n".join(lines) + "\n", text=True, check=True)


def mininet(shape: str, hosts: int) -> Figures:
    """The same with Mininet and bridges of the kernel; without a controller, IPv4 only."""
    from mininet.net import Mininet  # type: ignore[import-not-found]
    from mininet.nodelib import LinuxBridge  # type: ignore[import-not-found]

    began = perf_counter()
    net = Mininet(controller=None, switch=LinuxBridge, build=False)
    nodes = [net.addHost(f"h{number}") for number in range(1, hosts + 1)]
    if shape == "star":
        switch = net.addSwitch("s1")
        for node in nodes:
            net.addLink(node, switch)
    else:
        for left, right in zip(nodes, nodes[1:], strict=False):
            net.addLink(left, right)
    net.start()
    up = perf_counter()
    net.stop()
    return {"up": up - began, "down": perf_counter() - up}


# Which can run here, and how.


@dataclass(frozen=True)
class System:
    """One of the systems that are compared.

    Attributes:
        name: in the table.
        peer: name of the one that it is compared with.
        argv: returns the command for a shape and a number of hosts.
        missing: returns what is missing to run it here, or "".
        ordinary: an ordinary user runs it.
    """

    name: str
    peer: str
    argv: Callable[[str, int], list[str]]
    missing: Callable[[], str]
    ordinary: bool = False


def _own(system: str, python: str = sys.executable) -> Callable[[str, int], list[str]]:
    return lambda shape, hosts: [python, str(HERE / "topology.py"), "--one", system, shape, str(hosts)]


def _bare(*before: str) -> Callable[[str, int], list[str]]:
    return lambda shape, hosts: [*before, _python(bool(before)), str(HERE / "bare_netlink.py"), shape, str(hosts)]


def _alone(system: str, python: str = sys.executable) -> Callable[[str, int], list[str]]:
    """In namespaces of its own, so that its names are nobody else's."""
    return lambda shape, hosts: ["unshare", "-m", "-n", *_own(system, python)(shape, hosts)]


def _root_and(*tools: str) -> Callable[[], str]:
    def missing() -> str:
        if os.geteuid() != 0:
            return "root"
        return next((tool for tool in tools if shutil.which(tool) is None), "")

    return missing


def _no_mininet() -> str:
    if reason := _root_and("mnexec", "brctl")():
        return f"{reason} (apt-get install mininet bridge-utils)" if reason != "root" else reason
    found = subprocess.run([MININET_PYTHON, "-c", "import mininet.net"], capture_output=True, check=False).returncode == 0
    return "" if found else "the Python package mininet"


def _not_rootless() -> str:
    if shutil.which("setpriv") is None or shutil.which("unshare") is None:
        return "setpriv and unshare (Debian package util-linux)"
    tried = [*_drop(), "unshare", "-Urn", _python(True), "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
    works = subprocess.run(tried, capture_output=True, cwd="/", check=False).returncode == 0
    return "" if works else "user namespaces, and a Python 3.11 that an ordinary user may execute"


def _drop() -> list[str]:
    return AS_NOBODY if os.geteuid() == 0 else []


def _python(ordinary: bool) -> str:
    """Return an interpreter; root's own may lie in a home that is closed to others."""
    if not ordinary or os.geteuid() != 0:
        return sys.executable
    for program in ("/usr/bin/python3", sys.executable):
        tried = [*AS_NOBODY, "unshare", "-Ur", program, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        if subprocess.run(tried, capture_output=True, cwd="/", check=False).returncode == 0:
            return program
    return sys.executable


SYSTEMS = {
    one.name: one
    for one in (
        System("bare", "bare", _bare(), _root_and()),
        System("nepi", "bare", _own("nepi"), _root_and()),
        System("bare-rootless", "bare-rootless", _bare("unshare", "-Urn"), _not_rootless, ordinary=True),
        System(
            "nepi-rootless", "bare-rootless", lambda shape, hosts: _own("nepi", _python(True))(shape, hosts), _not_rootless, ordinary=True
        ),
        System("ip", "bare", _alone("ip"), _root_and("ip", "unshare")),
        System("mininet", "bare", _alone("mininet", MININET_PYTHON), _no_mininet),
    )
}


def can_run(system: System) -> bool:
    """Say which system is left out, and why."""
    if reason := system.missing():
        print(f"{system.name} is left out: it needs {reason}", file=sys.stderr)
    return not reason


def run_case(system: System, shape: str, hosts: int) -> Figures:
    """Run one case and return its figures in seconds.

    Raises:
        RuntimeError: it failed, or left an interface behind.
    """
    before, interfaces = namespaces_in_kernel(), interfaces_here()
    path = os.pathsep.join([str(SOURCE), *filter(None, [os.environ.get("PYTHONPATH")])])
    with tempfile.TemporaryDirectory(prefix="nepi-bench-") as home:
        if system.ordinary and os.geteuid() == 0:
            os.chown(home, 65534, 65534)
        done = subprocess.run(
            [*(_drop() if system.ordinary else []), *system.argv(shape, hosts)],
            env={**os.environ, "HOME": home, "NEPI_HOME": f"{home}/.nepi", "TMPDIR": home, "PYTHONPATH": path},
            cwd=home,
            capture_output=True,
            text=True,
            timeout=CASE_DEADLINE_S,
            check=False,
        )
    if done.returncode:
        raise RuntimeError(f"{system.name} {shape} {hosts}: status {done.returncode}\n{done.stderr[-3000:]}")
    wait_until_freed(before, hosts)
    if left := interfaces_here() - interfaces:
        raise RuntimeError(f"{system.name} {shape} {hosts} left interfaces: {', '.join(sorted(left)[:10])}")
    found = json.loads(done.stdout.splitlines()[-1])
    return {name.removesuffix("_s"): value for name, value in found.items() if isinstance(value, float)}


def interfaces_here() -> set[str]:
    """Return the names of the interfaces of this namespace."""
    return {path.name for path in Path("/sys/class/net").iterdir()}


def namespaces_in_kernel() -> int | None:
    """Return how many network namespaces the kernel has not freed yet, roughly; None when that is not to be known."""
    try:
        lines = Path("/proc/slabinfo").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) for line in lines if line.startswith("net_namespace ")), None)


def wait_until_freed(before: int | None, hosts: int) -> None:
    """Wait until the kernel has freed the namespaces of a case, which would be done in the next case's time otherwise."""
    if before is None:
        time.sleep(hosts / 300)
        return
    end = time.monotonic() + FREED_DEADLINE_S
    lowest, lowered = before + hosts, time.monotonic()
    while (now := namespaces_in_kernel()) is not None and now > before and time.monotonic() < min(end, lowered + FREED_STABLE_S):
        if now < lowest:
            lowest, lowered = now, time.monotonic()
        time.sleep(0.02)


def measure(shape: str, hosts: int, systems: list[System], repeat: int) -> list[dict[str, Any]]:
    """Run all systems in turn, `repeat` times; return medians, and medians of the ratios within each round."""
    rounds = [{system.name: run_case(system, shape, hosts) for system in systems} for _ in range(repeat)]
    rows = []
    for system in systems:
        cases = [one[system.name] for one in rounds]
        row: dict[str, Any] = {"shape": shape, "hosts": hosts, "system": system.name, "runs": repeat}
        row |= {f"{name}_s": statistics.median(case[name] for case in cases) for name in cases[0]}
        row["total_s"] = statistics.median(case["up"] + case["down"] for case in cases)
        if system.peer in rounds[0]:
            peers = [one[system.peer] for one in rounds]
            pairs = list(zip(cases, peers, strict=True))
            row["peer"] = system.peer
            row["up_ratio"] = statistics.median(case["up"] / peer["up"] for case, peer in pairs)
            row["total_ratio"] = statistics.median((case["up"] + case["down"]) / (peer["up"] + peer["down"]) for case, peer in pairs)
        rows.append(row)
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """Print the table."""
    print(f"asked of NEPI: at most {ASKED} times bare netlink, up and in all; medians, seconds")
    times = ("describe", "deploy", "up", "down", "total")
    heads = (*times, "up/bare", "all/bare")
    print(f"{'shape':6} {'hosts':>5} {'system':14} " + " ".join(f"{head:>8}" for head in heads))
    for row in rows:
        figures = [f"{row[f'{name}_s']:.3f}" if f"{name}_s" in row else "-" for name in times]
        figures += [f"{row[name]:.2f}" if name in row else "-" for name in ("up_ratio", "total_ratio")]
        print(f"{row['shape']:6} {row['hosts']:>5} {row['system']:14} " + " ".join(f"{figure:>8}" for figure in figures))


if __name__ == "__main__":
    main()
