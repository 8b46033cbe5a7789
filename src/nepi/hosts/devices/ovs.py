"""Open vSwitch on a host: its command lines, for daemons of our own beside those that the machine may have. Pure functions.

Sources: ovsdb-server(1), ovs-vswitchd(8), ovs-vsctl(8), ovs-vswitchd.conf.db(5).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nepi.errors import BadValueError

RUN_SWITCH: Final = ': >"$NEPI_OVS/ready"; exec ovs-vswitchd "unix:$NEPI_OVS/db.sock" "--unixctl=$NEPI_OVS/switch.ctl"'
"""What ovsdb-server runs once it listens, and ends with: it says so to who reads the FIFO `ready`, and becomes the switch."""
PREPARE: Final = 'mkdir -p -- "$1" && cd "$1" && rm -f conf.db ready && ovsdb-tool create conf.db && mkfifo ready'
VSCTL_DEADLINE_S: Final = 20
TOOLS: Final = ("ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ovsdb-tool")
PACKAGE: Final = "openvswitch-switch"
_VALUE = re.compile(r"[\w.:/-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Daemons:
    """The daemons in a folder of a host."""

    folder: Path

    def variables(self) -> dict[str, str]:
        """Return what keeps them away from the machine's own."""
        names = ("NEPI_OVS", "OVS_RUNDIR", "OVS_LOGDIR", "OVS_DBDIR", "OVS_SYSCONFDIR")
        return dict.fromkeys(names, str(self.folder))

    def prepare(self) -> list[str]:
        """Return the command that makes their folder, with an empty database."""
        return ["sh", "-c", PREPARE, "sh", str(self.folder)]

    def start(self) -> list[str]:
        """Return the command that is both: the database, and the switch as its child."""
        at = str(self.folder)
        words = [f"--remote=punix:{at}/db.sock", f"--unixctl={at}/db.ctl", "--no-chdir", f"--run={RUN_SWITCH}"]
        return ["ovsdb-server", f"{at}/conf.db", *words]

    def ready(self) -> list[str]:
        """Return the command that waits until the database listens."""
        return ["cat", "--", f"{self.folder}/ready"]

    def vsctl(self, *changes: Sequence[str], wait: bool = True) -> list[str]:
        """Return the command for some changes, as one; it returns when the switch has made them.

        Raises:
            BadValueError: a word would mean something else to ovs-vsctl.
        """
        command = ["ovs-vsctl", f"--db=unix:{self.folder}/db.sock", f"--timeout={VSCTL_DEADLINE_S}", *([] if wait else ["--no-wait"])]
        for number, change in enumerate(changes):
            command += [*(["--"] if number else []), *change]
        return command


def quoted(value: str) -> str:
    """Return a value for the database.

    Raises:
        BadValueError: it has characters that no name, address or number has.
    """
    if not _VALUE.fullmatch(value):
        raise BadValueError(f"{value!r} cannot be a value of Open vSwitch: letters, digits and _.:/- please")
    return f'"{value}"'


def add_bridge(name: str, *, protocols: str, fail_mode: str, datapath_id: str | None = None) -> list[list[str]]:
    """Return the changes that make a bridge in user space."""
    settings = ["datapath_type=netdev", f"protocols={protocols}", f"fail_mode={fail_mode}"]
    if datapath_id:
        settings.append(f"other-config:datapath-id={quoted(datapath_id)}")
    return [["add-br", name], ["set", "bridge", name, *settings]]


def set_controller(name: str, address: str, port: int) -> list[str]:
    """Return the change that gives a bridge a controller, which is tried again each second at the latest when it is not there."""
    where = f"[{address}]" if ":" in address else address
    return ["set-controller", name, f"tcp:{where}:{port}"]


def try_often(name: str) -> list[str]:
    """Return the change that lets a bridge come back soon to a controller that was away."""
    return ["set", "controller", name, "max_backoff=1000"]


def add_port(bridge: str, port: str) -> list[list[str]]:
    """Return the change that takes an interface of the host into a bridge."""
    return [["add-port", bridge, port]]


def add_internal_port(bridge: str, port: str) -> list[list[str]]:
    """Return the changes that make an interface of the host that is a port of a bridge."""
    return [["add-port", bridge, port], ["set", "interface", port, "type=internal"]]


def add_tunnel_port(bridge: str, port: str, *, kind: str, remote: str, key: int) -> list[list[str]]:
    """Return the changes that make a port of a bridge the end of a tunnel that the switch itself carries."""
    options = [f"type={kind}", f"options:remote_ip={quoted(remote)}", f"options:key={key}"]
    return [["add-port", bridge, port], ["set", "interface", port, *options]]


def remove_port(bridge: str, port: str) -> list[str]:
    """Return the change that takes a port away."""
    return ["--if-exists", "del-port", bridge, port]


def remove_bridge(name: str) -> list[str]:
    """Return the change that takes a bridge away."""
    return ["--if-exists", "del-br", name]


def fault_of(port: str) -> list[str]:
    """Return the command that says what is wrong with a port: "[]" when nothing is."""
    return ["get", "interface", port, "error"]
