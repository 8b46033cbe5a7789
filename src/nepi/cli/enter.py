"""`nepi shell` and `nepi exec`: into a node of a live or kept run. The command takes the place of this process."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from nepi.cli.complete import complete_nodes, complete_runs
from nepi.cli.console import complain
from nepi.cli.runs_here import find_run
from nepi.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from nepi.results.store import Run

NOT_FOUND = 127
"""What shells exit with when there is no such command."""

PACKAGES: Final = {"ssh": "openssh-client"}

RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="The run.", autocompletion=complete_runs)]
NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="A node of it.", autocompletion=complete_nodes)]


def shell(run: RunArgument, node: NodeArgument) -> None:
    """Open a shell in a node."""
    enter(run, node, [])


def execute(
    run: RunArgument,
    node: NodeArgument,
    argv: Annotated[list[str], typer.Argument(metavar="ARGV", help="Program and arguments; the -- may be left out.")],
) -> None:
    """Run a command in a node. Its exit status is ours; it does not belong to the run."""
    enter(run, node, argv[1:] if argv[0] == "--" else argv)


def enter(run: str, node: str, argv: list[str]) -> NoReturn:
    """Become a command, or without one a shell, in a node of a run.

    Raises:
        NepiError: there is no such run or node, or it is not up.
    """
    from nepi.results.store import RunState

    found = find_run(run)
    if found.state not in (RunState.RUNNING, RunState.KEPT, RunState.DEAD, RunState.LEFT_BEHIND, RunState.CONTROLLER_FAILED):
        raise UsageError(f"run {found.name} is {found.state}: its nodes are gone")
    command = entering(found, node, argv)
    sys.stdout.flush()
    sys.stderr.flush()
    os.environ |= {"NEPI_RUN": str(Path(found.path)), "NEPI_NODE": node}
    try:
        os.execvp(command[0], command)
    except OSError as error:
        package = PACKAGES.get(Path(command[0]).name, "util-linux")
        complain(f"cannot run {command[0]}: {error.strerror}; install it (Debian package {package})")
        raise typer.Exit(NOT_FOUND) from None


def entering(found: Run, node: str, argv: list[str]) -> list[str]:
    """Return the command line that enters a node: a host by its own way, a namespace by the agent of the machine that it is on."""
    from nepi.results.contents import read_description

    places = {one.name: one for one in read_description(found.path).resources if one.rtype in ("linux::Node", "netns::Node")}
    place = places.get(node)
    at_terminal = all(os.isatty(number) for number in range(3))
    if place is not None and place.rtype == "linux::Node":
        from nepi.resources.linux import enter as of_hosts

        return of_hosts.enter_argv(found.path, place, argv, terminal=at_terminal)
    if place is not None and place.attributes.get("host"):
        from nepi.hosts.remote_agent import entering as of_machines

        return of_machines.enter_argv(found.path, str(place.attributes["host"]), node, argv, terminal=at_terminal)
    if (found.path / "agent.sock").exists():
        from nepi.hosts.enter import enter_argv

        return enter_argv(found.path, node, argv or [os.environ.get("SHELL") or "/bin/sh"])
    if places and place is None:
        raise UsageError(f"no node {node!r} in this run{did_you_mean(node, places)}; it has {', '.join(sorted(places))}")
    raise UsageError(f"run {found.name} has no namespaces and no hosts that are up: its nodes cannot be entered")
