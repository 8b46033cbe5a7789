"""Entering a `linux::Node` from outside of its controller: what `nepi shell` and `nepi exec` execute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from nepi.errors import ResourceError
from nepi.execution.ledger import Ledger, Row
from nepi.hosts.remote.quoting import call
from nepi.hosts.remote.reopening import command_to, way_of
from nepi.hosts.remote.session import FOLDER_KIND
from nepi.model.experiment import ResourceDescription
from nepi.resources.linux.layout import as_folder
from nepi.resources.linux.reach import is_local, ssh_options

_PLACE: Final = ("local", "hostname", "port", "username", "jumps")
"""What of a way tells hosts and users apart. Files may be relative to a folder that we are not in."""

_ENTER: Final = """NEPI_NODE=$1; shift; NODE_HOME=
until [ "$1" = -- ]; do
if [ -z "$NODE_HOME" ] && [ -d "$1" ]; then NODE_HOME=$1; fi
shift; done
shift
if [ -z "$NODE_HOME" ] || ! cd "$NODE_HOME"; then echo "nepi: node $NEPI_NODE is gone from this host" >&2; exit 1; fi
NEPI_RUN=${NODE_HOME%/*}; EXP=$NEPI_RUN; EXP_HOME=$NEPI_RUN; USR=$NODE_HOME/usr
BIN=$USR/bin; LIB=$USR/lib; SRC=$USR/src; SHARE=$USR/share
export NEPI_NODE NEPI_RUN NODE_HOME EXP EXP_HOME USR BIN LIB SRC SHARE
[ $# -gt 0 ] || set -- "${SHELL:-/bin/sh}"
exec "$@"
"""
"""Goes into the first folder that is there, of those before "--", and becomes the command after it, or the user's shell."""


def enter_argv(run_dir: Path, node: ResourceDescription, argv: Sequence[str], *, terminal: bool) -> list[str]:
    """Return the command line that runs `argv`, or a shell, in a node's folder on its host. It does not belong to the run.

    Args:
        run_dir: the run's folder here.
        node: of type linux::Node.
        argv: the command; none means a shell.
        terminal: whether it gets a terminal, when it is on another machine.

    Raises:
        ResourceError: the node is not up.
    """
    rows = rows_of_host(Ledger(run_dir / "ledger.sqlite"), node.attributes, run_dir)
    if not rows:
        raise ResourceError(f"node {node.name} is not up: this run has nothing on {node.attributes.get('hostname')}", backend="linux")
    folders = [f"{row.identity['path']}/node-{as_folder(node.name)}" for row in rows]
    words = ["-c", _ENTER, "sh", node.name, *folders, "--", *argv]
    return command_to(rows[0].identity["way"], call("exec /bin/sh", *words), terminal=terminal)


def rows_of_host(ledger: Ledger, values: Mapping[str, Any], run_dir: Path) -> list[Row]:
    """Return the rows of the run's folders on the host that a node's attributes speak of.

    There may be several, by different homes or keys; the node's own folder is in one of them.
    """
    with ledger:
        rows = [row for row in ledger.rows() if row.kind == FOLDER_KIND]
    asked = way_of(None if is_local(values) else ssh_options(values, run_dir / "pins"))
    exact = [row for row in rows if {**row.identity["way"], "pins": ""} == {**asked, "pins": ""}]
    return exact or [row for row in rows if all(row.identity["way"].get(name) == asked.get(name) for name in _PLACE)]
