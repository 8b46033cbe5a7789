"""The runs of this user on this machine: the store, with what it needs to know of processes, and which of them may be taken up."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from nepi.errors import RunError
from nepi.execution.process_identity import ProcessIdentity, boot_id
from nepi.execution.rundir import RunDir, runs_home
from nepi.results.store import Fate, Run, RunState, Store


def open_store() -> Store:
    """Return the store of $NEPI_HOME/runs, or ~/.nepi/runs."""
    return Store(runs_home(), fate_of, os.uname().nodename)


def find_run(text: str) -> Run:
    """Return the run that a user means.

    Raises:
        RunError: there is none, or more than one.
    """
    return open_store().find(text)


def fate_of(controller: Mapping[str, Any]) -> Fate:
    """Say what has become of the process that `run.json` names."""
    identity = ProcessIdentity.from_json(dict(controller))
    if identity is None:
        return "ended"
    if identity.boot_id != boot_id():
        return "other boot"
    return "alive" if identity.is_alive() else "ended"


def refuse_to_attach(rundir: RunDir) -> None:
    """Raise unless a run may be taken up: its controller is gone, or it was kept.

    Raises:
        RunError: it may not.
    """
    run = open_store().read(rundir.path)
    match run.state:
        case RunState.DEAD | RunState.KEPT:
            return
        case RunState.RUNNING:
            raise RunError(f"run {run.name} is live: process {run.controller_pid} controls it, and only one can")
        case RunState.LOST:
            why = "this machine was started again since, and what it had is gone; its results are kept"
            raise RunError(f"run {run.name} cannot be taken up: {why} in {run.path}")
        case RunState.ELSEWHERE:
            raise RunError(f"run {run.name} is one of machine {run.host}; take it up there")
        case _:
            raise RunError(f"run {run.name} cannot be taken up: it is over ({run.state}); its results are in {run.path}")
