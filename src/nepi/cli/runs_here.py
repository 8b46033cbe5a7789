"""The runs of this user on this machine: the store, with what it needs to know of processes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nepi.results.store import Fate, Run, Store


def open_store() -> Store:
    """Return the store of $NEPI_HOME/runs, or ~/.nepi/runs."""
    from nepi.execution.rundir import runs_home
    from nepi.results.store import Store

    return Store(runs_home(), fate_of, os.uname().nodename)


def find_run(text: str) -> Run:
    """Return the run that a user means.

    Raises:
        RunError: there is none, or more than one.
    """
    return open_store().find(text)


def fate_of(controller: Mapping[str, Any]) -> Fate:
    """Say what has become of the process that `run.json` names."""
    from nepi.execution.process_identity import ProcessIdentity, boot_id

    identity = ProcessIdentity.from_json(dict(controller))
    if identity is None:
        return "ended"
    if identity.boot_id != boot_id():
        return "other boot"
    return "alive" if identity.is_alive() else "ended"
