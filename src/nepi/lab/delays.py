"""Frames of hosts that come late: the user-space link of `hosts/wire`, put into a host's cable. Works without netem."""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from nepi.errors import ResourceError
from nepi.hosts import wire
from nepi.lab.network import carry_out
from nepi.lab.offloads import finish_packets
from nepi.lab.plan import Link
from nepi.lab.processes import BACKEND, CLEAN, command

ANSWER_DEADLINE_S: Final = 10.0
_PROGRAM: Final = Path(wire.__file__).parent / "__main__.py"


class Delays:
    """The process that moves the frames of delayed hosts; it ends with this one.

    Args:
        lab: pid of a process in the network namespace of the bridges.

    Raises:
        ResourceError: it cannot be started.
    """

    def __init__(self, lab: int) -> None:
        self._lab = lab
        self._into = ("nsenter", f"--net=/proc/{lab}/ns/net")
        self._ids = itertools.count(1)
        self._heard = b""
        self._delayed: set[str] = set()
        self._control, theirs = socket.socketpair()
        self._control.settimeout(ANSWER_DEADLINE_S)
        argv = [*self._into, sys.executable, "-I", "-S", str(_PROGRAM)]
        with theirs:
            self._process = subprocess.Popen(
                argv, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=CLEAN, cwd="/"
            )
        self._next_message()

    def set(self, link: Link, host: int, delay_s: float) -> None:
        """Let each frame that goes through a cable, either way, come so much later.

        Args:
            host: pid of a process in the network namespace of the host.
        """
        if link.outside not in self._delayed:
            finish_packets(host, link.interface)
            self._insert(link)
        self._ask([{"do": "shape", "end": end, "shape": {"delay_s": delay_s, "queue_packets": 100_000}} for end in self._ends(link)])

    def forget(self, link: Link) -> None:
        """Make a cable as it was."""
        if link.outside not in self._delayed:
            return
        self._ask([{"do": "remove", "ends": self._ends(link)}])
        self._delayed.discard(link.outside)
        carry_out([f"link del dev {_near(link)}", f"link set dev {link.outside} master {link.bridge}"], self._into)

    def port(self, link: Link) -> str:
        """Return the name of a cable's end that is in the bridge."""
        return _near(link) if link.outside in self._delayed else link.outside

    @property
    def is_idle(self) -> bool:
        """Whether nothing is delayed."""
        return not self._delayed

    def close(self) -> None:
        """End the process."""
        self._control.close()
        self._process.communicate()

    def _insert(self, link: Link) -> None:
        """Take a cable out of the bridge, put another one in, and let the process move frames between the two."""
        near, far = _near(link), _far(link)
        lines = [f"link add name {near} type veth peer name {far}", f"link set dev {near} master {link.bridge} up"]
        lines += [f"link set dev {far} up", f"link set dev {link.outside} nomaster"]
        carry_out(lines, self._into)
        self._delayed.add(link.outside)
        finish_packets(self._lab, near)
        self._ask([{"do": "add", "ends": self._ends(link), "seeds": [1, 2]}])

    def _ends(self, link: Link) -> list[int]:
        there = json.loads(command([*self._into, "ip", "-json", "link", "show"]).stdout)
        index = {entry["ifname"]: int(entry["ifindex"]) for entry in there}
        return [index[link.outside], index[_far(link)]]

    def _ask(self, steps: Sequence[dict[str, Any]]) -> None:
        number = next(self._ids)
        self._control.sendall(json.dumps({"id": number, "do": steps}).encode() + b"\n")
        while (answer := self._next_message()).get("id") != number:
            pass  # it also says when it cannot keep up
        wrong = [result["error"] for result in answer["results"] if "error" in result]
        if wrong:
            raise ResourceError(f"frames cannot be delayed: {wrong[0]}", action="delay", backend=BACKEND)

    def _next_message(self) -> dict[str, Any]:
        while b"\n" not in self._heard:
            data = self._control.recv(1 << 16)
            if not data:
                words = (self._process.communicate()[1] or b"").decode(errors="replace").strip()
                raise ResourceError(f"frames cannot be delayed: the process that does it has ended: {words}", backend=BACKEND)
            self._heard += data
        line, _, self._heard = self._heard.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        if "error" in message:
            raise ResourceError(f"frames cannot be delayed: {message['error']}", action="delay", backend=BACKEND)
        return message


def _near(link: Link) -> str:
    return f"{link.outside}n"


def _far(link: Link) -> str:
    return f"{link.outside}f"
