"""Entering a node of a run from outside of its controller: what `nepi shell` and `nepi exec` execute."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nepi.errors import ConnectError, ResourceError, did_you_mean
from nepi.hosts.agent_client import open_socket

ENTER = Path(__file__).parent / "agent" / "enter.py"
ASK_DEADLINE_S = 10.0


def ask_agent(run_dir: Path, op: str, **fields: Any) -> dict[str, Any]:
    """Ask the agent of a run one thing, without an event loop.

    Raises:
        ConnectError: it is gone, or does not answer.
        ResourceError: it refused.
    """
    with open_socket(run_dir.absolute()) as connection:
        connection.settimeout(ASK_DEADLINE_S)
        try:
            connection.sendall(json.dumps({"id": 1, "op": op, **fields}).encode() + b"\n")
            with connection.makefile("rb") as lines:
                line = lines.readline()
        except OSError as error:
            raise ConnectError(f"the namespace agent of {run_dir} does not answer: {error}", backend="netns") from error
    if not line:
        raise ConnectError(f"the namespace agent of {run_dir} has just ended", backend="netns")
    answer: dict[str, Any] = json.loads(line)
    if "error" in answer:
        raise ResourceError(answer["error"]["message"], backend="netns")
    result: dict[str, Any] = answer["ok"]
    return result


def enter_argv(run_dir: Path, node: str, argv: Sequence[str]) -> list[str]:
    """Return the command line by which the same user runs `argv` in a node of a run.

    The command sees what the run's own commands see: its /proc, its /etc/hosts. It does not belong to the run. (This is
    nsenter's work, but nsenter drops the capabilities of a user who is not root in the user namespace.)

    Raises:
        ConnectError: the run's agent is gone.
        ResourceError: there is no such node.
    """
    agent = ask_agent(run_dir, "hello")
    places = ask_agent(run_dir, "inventory")["places"]
    nodes = {name: place["fd"] for name, place in places.items() if not place["switch"]}
    if node not in nodes:
        raise ResourceError(f"no node {node!r} in this run{did_you_mean(node, nodes)}; it has {', '.join(sorted(nodes)) or 'none'}")
    user = "user" if agent["rootless"] else "root"
    place = [str(agent["pid"]), str(nodes[node]), user, str(run_dir.absolute()), node]
    return [sys.executable, "-I", "-S", str(ENTER), *place, *argv]
