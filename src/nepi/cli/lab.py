"""`nepi lab`: hosts with real SSH servers on this machine, to try experiments against. What a lab is, is in `nepi.lab`."""

from __future__ import annotations

import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from nepi.cli.console import complain, note, print_json, print_table, say

if TYPE_CHECKING:
    from nepi.lab import Lab

NOT_FOUND: Final = 127
"""What shells exit with when there is no such command."""

app = typer.Typer(
    help="Make hosts with real SSH servers on this machine, to try experiments against. Needs root.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Folder = Annotated[Path | None, typer.Option("--dir", metavar="FOLDER", help="Where the lab's files are; by default ~/.nepi/lab.")]


@app.command()
def up(
    count: Annotated[int, typer.Argument(metavar="N", help="How many hosts: h1 to hN.")],
    jump: Annotated[bool, typer.Option("--jump", help="Hide the last host behind h1.")] = False,
    hidden: Annotated[int, typer.Option("--hidden", metavar="K", help="Hide the last K hosts, each behind the one before.")] = 0,
    disk: Annotated[str, typer.Option("--disk", metavar="SIZE", help="How much each host can write, in memory.")] = "1GiB",
    folder: Folder = None,
) -> None:
    """Make a lab; it stays until `nepi lab down`, or until this machine is restarted."""
    from nepi.lab import Lab
    from nepi.units import size_bytes

    began = time.monotonic()
    place = folder_of(folder)
    with_options = Lab(count, jump=hidden or jump, folder=place, disk_bytes=size_bytes(disk), tied=False)
    lab = with_options.up()
    show(lab)
    note(f"{len(lab.hosts)} hosts are up after {time.monotonic() - began:.1f} s. Log in: {shlex.join(lab.ssh('h1'))}")


@app.command()
def down(folder: Folder = None) -> None:
    """Give back all that a lab has made, also what is left of one. Harmless when there is none."""
    from nepi.lab import take_down_in

    place = folder_of(folder)
    note(f"The lab in {place} is gone." if take_down_in(place) else f"There is no lab in {place}.")


@app.command()
def status(folder: Folder = None, json: Annotated[bool, typer.Option("--json", help="Write JSON.")] = False) -> None:
    """Say which hosts a lab has, and how they are reached."""
    from nepi.lab import Lab

    lab = Lab.open(folder_of(folder))
    if json:
        print_json(lab_record(lab))
        return
    show(lab)


@app.command(context_settings={"allow_interspersed_args": False})
def ssh(
    host: Annotated[str, typer.Argument(metavar="HOST", help="A host of the lab.")],
    argv: Annotated[list[str] | None, typer.Argument(metavar="COMMAND", help="What to run there; a shell without it.")] = None,
    folder: Folder = None,
    user: Annotated[str, typer.Option("--user", "-l", help="root, nepi (sudo without a password) or plain (no sudo).")] = "root",
) -> None:
    """Log in to a host, or run a command there; ssh takes the place of this process."""
    from nepi.lab import Lab

    program, *rest = Lab.open(folder_of(folder)).ssh(host, *(argv or ()))
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvp(program, [program, "-l", user, *rest])
    except OSError as error:
        complain(f"cannot run ssh: {error.strerror}; install it (Debian package openssh-client)")
        raise typer.Exit(NOT_FOUND) from None


def folder_of(asked: Path | None) -> Path:
    """Return the folder of a lab: the one asked for, $NEPI_HOME/lab, or ~/.nepi/lab."""
    if asked is not None:
        return asked.absolute()
    home = os.environ.get("NEPI_HOME")
    return (Path(home) if home else Path.home() / ".nepi").absolute() / "lab"


def show(lab: Lab) -> None:
    """Write the hosts as a table, and what is needed to reach them."""
    rows = [
        (one.name, one.address, str(one.port), one.behind or "-", "running" if lab.is_running(one.name) else "down") for one in lab.hosts
    ]
    print_table(("host", "address", "port", "behind", "state"), rows)
    say(f"\nssh -F {shlex.quote(str(lab.ssh_config))} h1")


def lab_record(lab: Lab) -> dict[str, Any]:
    """Return a lab as plain data. Documented in docs/reference/cli.md."""
    hosts = [
        {
            "name": one.name,
            "address": one.address,
            "port": one.port,
            "behind": one.behind,
            "host_key": one.host_key,
            "running": lab.is_running(one.name),
        }
        for one in lab.hosts
    ]
    files = {"identity": lab.identity, "known_hosts": lab.known_hosts, "ssh_config": lab.ssh_config}
    return {"folder": str(lab.folder), "hosts": hosts} | {name: str(path) for name, path in files.items()}
