"""`nepi shell` and `nepi exec`: into a node of a live or kept run. The command takes the place of this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from nepi.cli.complete import complete_nodes, complete_runs
from nepi.cli.console import complain
from nepi.cli.runs_here import find_run
from nepi.errors import UsageError

NOT_FOUND = 127
"""What shells exit with when there is no such command."""

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run.", autocompletion=complete_runs)]
NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="A node of it.", autocompletion=complete_nodes)]


def shell(run: RunArgument, node: NodeArgument) -> None:
    """Open a shell in a node."""
    enter(run, node, [os.environ.get("SHELL") or "/bin/sh"])


def execute(
    run: RunArgument,
    node: NodeArgument,
    argv: Annotated[list[str], typer.Argument(metavar="ARGV", help="Program and arguments; the -- may be left out.")],
) -> None:
    """Run a command in a node. Its exit status is ours; it does not belong to the run."""
    enter(run, node, argv[1:] if argv[0] == "--" else argv)


def enter(run: str, node: str, argv: list[str]) -> NoReturn:
    """Become a command in a node of a run.

    Raises:
        NepiError: there is no such run or node, or it is not up.
    """
    from nepi.hosts.enter import enter_argv
    from nepi.results.store import RunState

    found = find_run(run)
    if found.state not in (RunState.RUNNING, RunState.KEPT, RunState.DEAD, RunState.LEFT_BEHIND, RunState.CONTROLLER_FAILED):
        raise UsageError(f"run {found.name} is {found.state}: its nodes are gone")
    elsewhere = sorted(one.name for one in (found.path / "hosts").glob("*"))
    if elsewhere and not (found.path / "agent.sock").exists():
        raise UsageError(f"the nodes of run {found.name} are on {', '.join(elsewhere)}: only nodes on this machine can be entered so")
    if not (found.path / "agent.sock").exists():
        raise UsageError(f"run {found.name} has no namespaces: only nodes of the netns backend can be entered")
    command = enter_argv(found.path, node, argv)
    sys.stdout.flush()
    sys.stderr.flush()
    os.environ |= {"NEPI_RUN": str(Path(found.path)), "NEPI_NODE": node}
    try:
        os.execvp(command[0], command)
    except OSError as error:
        complain(f"cannot run {command[0]}: {error.strerror}; install it (Debian package util-linux)")
        raise typer.Exit(NOT_FOUND) from None
