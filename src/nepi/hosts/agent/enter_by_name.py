"""Run a command in a node of a run on this machine, for who comes from another one: `enter_by_name.py FOLDER NODE [PROGRAM [ARGUMENT...]]`.

FOLDER is the agent's. Without a program it is the user's shell. The command does not belong to the run.
"""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any

ASK_DEADLINE_S = 10.0


def ask(folder: str, *ops: str) -> list[dict[str, Any]]:
    """Return what the agent answers.

    Raises:
        OSError: nobody listens there, or it does not answer.
    """
    os.chdir(folder)  # the path of a UNIX socket must be shorter than 108 bytes
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as agent:
        agent.settimeout(ASK_DEADLINE_S)
        agent.connect("agent.sock")
        agent.sendall(b"".join(json.dumps({"id": number, "op": op}).encode() + b"\n" for number, op in enumerate(ops, 1)))
        with agent.makefile("rb") as lines:
            answers = [json.loads(lines.readline() or b"{}") for _ in ops]
    if not all("ok" in answer for answer in answers):
        raise ConnectionResetError("it has just ended")
    return [answer["ok"] for answer in answers]


def main(folder: str, node: str, *argv: str) -> int:
    """Find the node and become `enter.py`."""
    try:
        agent, inventory = ask(folder, "hello", "inventory")
    except OSError as error:
        print(f"nepi: the namespaces on this host cannot be entered: {error.strerror or error}; the run has ended there", file=sys.stderr)
        return 1
    place = inventory["places"].get(node)
    if place is None or place["switch"]:
        print(f"nepi: node {node} is not up on this host", file=sys.stderr)
        return 1
    os.environ["NEPI_RUN"] = folder
    user = "user" if agent["rootless"] else "root"
    words = [str(agent["pid"]), str(place["fd"]), user, folder, node, *(argv or [os.environ.get("SHELL") or "/bin/sh"])]
    program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "enter.py")
    return os.execv(sys.executable, [sys.executable, "-I", "-S", program, *words])


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
