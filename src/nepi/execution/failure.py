"""What a run's failures mean: the seed's levels, and the failure manager that a user may replace."""

from __future__ import annotations

import weakref
from enum import IntEnum
from typing import TYPE_CHECKING

from nepi.model.states import ResourceState

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController


class FailureLevel(IntEnum):
    """How bad it is."""

    OK = 1
    RM_FAILURE = 2
    EC_FAILURE = 3


class ECState(IntEnum):
    """Where a controller is in its life. The first three have the seed's numbers."""

    RUNNING = 1
    FAILED = 2
    TERMINATED = 3
    RELEASED = 4


class FailureManager:
    """Decides whether a failed resource aborts the experiment: here, when it is critical.

    A subclass overrides `eval_failure(guid)` and sets `abort` (or calls this class's method); it is asked for each failure.
    """

    def __init__(self, ec: ExperimentController | None = None) -> None:
        self._ec: weakref.ref[ExperimentController] | None = None
        self._abort = False
        self._failure_level = FailureLevel.OK
        if ec is not None:
            self.set_ec(ec)

    def set_ec(self, ec: ExperimentController) -> None:
        """Take the controller whose failures are to be judged."""
        self._ec = weakref.ref(ec)

    @property
    def ec(self) -> ExperimentController | None:
        """The controller."""
        return self._ec() if self._ec is not None else None

    @property
    def abort(self) -> bool:
        """Whether the experiment is to be aborted. Once true, it stays so."""
        return self._abort

    @abort.setter
    def abort(self, abort: bool) -> None:
        self._abort = self._abort or abort

    @property
    def failure_level(self) -> FailureLevel:
        """The worst that has happened."""
        return self._failure_level

    def eval_failure(self, guid: int) -> None:
        """Judge the failure of a resource."""
        ec = self.ec
        rm = ec.get_resource(guid) if ec is not None else None
        if rm is None or self._abort:
            return
        critical = rm.get("critical") if rm.has_attribute("critical") else True
        if rm.state == ResourceState.FAILED and critical:
            self._failure_level = FailureLevel.RM_FAILURE
            self._abort = True

    def set_ec_failure(self) -> None:
        """Note that the controller itself has failed."""
        self._failure_level = FailureLevel.EC_FAILURE
        self._abort = True


def replaced(manager: FailureManager) -> bool:
    """Whether the user's manager judges by itself, so that the engine must not."""
    return type(manager) is not FailureManager
