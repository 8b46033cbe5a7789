"""How a run ended, and on what machine it ran: `summary.json` and `environment.json`."""

from __future__ import annotations

import dataclasses
import os
import platform
import sys
from typing import TYPE_CHECKING, Any, Final

from nepi.execution.failure import ECState
from nepi.model.states import ResourceState

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.execution.resource import ResourceManager

FORMAT: Final = 1


def environment() -> dict[str, Any]:
    """Return versions and facts of the machine that a reader of the results needs."""
    system = os.uname()
    return {
        "format": FORMAT,
        "python": platform.python_version(),
        "executable": sys.executable,
        "program": sys.argv[0],  # without its arguments, which may hold a password
        "system": system.sysname,
        "kernel": system.release,
        "machine": system.machine,
        "host": system.nodename,
        "uid": os.getuid(),
        "cores": os.cpu_count(),
    }


def summarize(ec: ExperimentController) -> dict[str, Any]:
    """Return how the run ended: outcome, failures, what was left behind, and what was measured."""
    managers = [rm for guid in ec.resources if (rm := ec.get_resource(guid)) is not None]
    failed = [rm for rm in managers if rm.failed_time is not None]
    left = ec.left_behind
    if ec.ecstate == ECState.FAILED:
        outcome = "controller failed"
    elif left:
        outcome = "left behind"
    elif ec.abort:
        outcome = "aborted"
    elif ec.invalid:
        outcome = "invalid"
    else:
        outcome = "finished"
    return {
        "format": FORMAT,
        "exp_id": ec.exp_id,
        "run_id": ec.run_id,
        "outcome": outcome,
        "abort_reason": ec.abort_reason,
        "invalid": list(ec.invalid),
        "resources": len(managers),
        "failed": {rm.name: rm.failure for rm in failed},
        "left_behind": {_name(ec, guid): reason for guid, reason in left.items()},
        "lost": list(ec.lost),
        "trouble": list(ec.trouble),
        "results": {rm.name: result for rm in managers if (result := result_record(rm)) is not None},
        "measured": [dict(resource=rm.name, **row) for rm in managers for row in measured_rows(rm)],
        "marks": [{"resource": rm.name, "what": what} for rm in managers for what in marks(rm)],
        "promises": [one.to_record() for one in ec.promises],
        "not_released": [rm.name for rm in managers if rm.state != ResourceState.RELEASED],
    }


def result_record(manager: ResourceManager) -> Any:
    """Return a resource's typed result as plain data, or None."""
    result = getattr(manager, "result", None)
    return dataclasses.asdict(result) if dataclasses.is_dataclass(result) and not isinstance(result, type) else None


def measured_rows(manager: ResourceManager) -> list[dict[str, str]]:
    """Return the rows that a resource adds to the table of what was measured against what was asked."""
    measured = getattr(manager, "measured", None)
    return [{"what": what, "asked": asked, "measured": value} for what, asked, value in (measured() if callable(measured) else [])]


def marks(manager: ResourceManager) -> list[str]:
    """Return what a reader of the results must know of a resource: it says so by `warnings_of_run()` and `invalid_because()`."""
    warnings = getattr(manager, "warnings_of_run", None)
    invalid = invalid_because(manager)
    return [*(warnings() if callable(warnings) else []), *([invalid] if invalid else [])]


def invalid_because(manager: ResourceManager) -> str:
    """Return why what was measured through a resource must not be believed: it says so by `invalid_because()`; "" when nothing is known."""
    reason = getattr(manager, "invalid_because", None)
    return str(reason()) if callable(reason) else ""


def _name(ec: ExperimentController, guid: int) -> str:
    manager = ec.get_resource(guid)
    return manager.name if manager is not None else "the run's session"
