"""Entering a namespace on another machine from outside of its controller: what `nepi shell` and `nepi exec` execute."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nepi.errors import ConnectError
from nepi.execution.ledger import Ledger
from nepi.hosts.remote.quoting import call
from nepi.hosts.remote.reopening import command_to
from nepi.hosts.remote_agent.deploying import KIND


def enter_argv(run_dir: Path, machine: str, node: str, argv: Sequence[str], *, terminal: bool) -> list[str]:
    """Return the command line that runs `argv`, or a shell, in a node of a run on a machine.

    Args:
        run_dir: the run's folder here.
        machine: its name in the run.
        node: which node.
        argv: the command; none means a shell.
        terminal: whether it gets a terminal, when it is on another machine.

    Raises:
        ConnectError: the run has no namespaces there.
    """
    with Ledger(run_dir / "ledger.sqlite") as ledger:
        rows = [row.identity for row in ledger.rows() if row.kind == KIND and row.identity["machine"] == machine]
    if not rows:
        raise ConnectError(f"node {node} is not up: this run has no namespaces on {machine}", backend="netns")
    there = rows[0]
    program = f"{there['agent']}/agent/enter_by_name.py"
    way = {name: value for name, value in there["way"].items() if name != "kind"}
    return command_to(way, call("exec", there["python"], "-I", "-S", program, there["run_dir"], node, *argv), terminal=terminal)
