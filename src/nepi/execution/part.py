"""What the parts of an `ExperimentController` know of the whole. The attributes are made by its `__init__`, in `ec.py`."""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, cast

from nepi.execution.failure import ECState
from nepi.execution.registry import Registry
from nepi.execution.waits import WaitResult
from nepi.model.conditions import Condition
from nepi.model.experiment import ExperimentDescription
from nepi.model.policies import Policy
from nepi.model.states import ResourceAction
from nepi.plan.result import Plan

if TYPE_CHECKING:
    from threading import RLock

    from nepi.execution.changing import Changes
    from nepi.execution.ec import ExperimentController
    from nepi.execution.net import Net
    from nepi.execution.resource import ResourceManager
    from nepi.execution.run import Run
    from nepi.execution.run_record import RunRecord
    from nepi.execution.tasks import Tasks


class Part(ABC):
    """Base of the parts. Each has its own verbs, and calls those of the others through what is named here."""

    backend: str
    keep: bool
    verifies: bool
    registry: Registry
    _lock: RLock
    _ending: RLock
    _exp_id: str
    _networks: tuple[str, ...]
    _routing: str
    _deadline_s: float | None
    stop_on_abort: bool
    default_policy: Policy
    _unjoined: dict[int, None]
    _unplanned: dict[int, None]
    _untold: dict[int, None]
    _deployed: dict[int, None]
    _groups: int
    _plan: Plan
    _description: ExperimentDescription | None
    _nets: list[Net]
    _run: Run | None
    _warm: contextlib.ExitStack
    _changes: Changes
    _changes_said: list[tuple[ResourceManager, Condition, Mapping[str, Any]]]
    _state: ECState
    _abort_reason: str | None
    _taken_from: RunRecord | None
    _tasks: Tasks

    @property
    def _controller(self) -> ExperimentController:
        return cast("ExperimentController", self)

    @abstractmethod
    def _begin(self) -> Run:
        """Return the run; make its folder and start its runner, the first time."""

    @abstractmethod
    def _running(self) -> Run:
        """Return the run, which must have begun."""

    @abstractmethod
    def _joined(self, guids: Iterable[int] | None = None) -> Run:
        """Return the run, whose engine knows of these resources."""

    @abstractmethod
    def _join(self, guids: Iterable[int] | None = None) -> None:
        """Tell the engine of resources that it does not know yet."""

    @abstractmethod
    def _is_over(self) -> bool:
        """Whether the experiment has been shut down."""

    @abstractmethod
    def _refuse_when_over(self, what: str) -> None:
        """Raise when the experiment has been shut down."""

    @abstractmethod
    def resource(self, resource: Any) -> ResourceManager:
        """Return a resource manager."""

    @abstractmethod
    def is_deployed(self, guid: int) -> bool:
        """Whether a resource was deployed."""

    @abstractmethod
    def deploy(self, guids: Any = None, wait_all_ready: bool = True, group: int | None = None, *, quorum: float | None = None) -> int:
        """Plan what is new, and deploy resources."""

    @abstractmethod
    def condition_registered(self, guid: int, action: ResourceAction, condition: Condition) -> None:
        """Tell the engine, if it knows the resource."""

    @abstractmethod
    def wait_released(self, guids: Any, deadline: str | float | None = None) -> WaitResult:
        """Wait until all are RELEASED."""

    @abstractmethod
    def _wait(self, condition: Condition, deadline: str | float | None = None, *, survives_abort: bool = False) -> WaitResult:
        """Wait until a condition is met."""

    @abstractmethod
    def _check_condition(self, condition: Condition) -> None:
        """Raise when a condition speaks of what does not exist."""

    @abstractmethod
    def _ask_described_changes(self) -> None:
        """Tell the engine of the changes that were asked for before there was one."""

    @abstractmethod
    def _hold_starts(self, run: Run, deployed: list[int]) -> Callable[[], None]:
        """Let starts wait until links have been verified; return what begins that."""

    @abstractmethod
    def _refuse_lost_changes(self) -> None:
        """Raise when a change that was asked for speaks of what was removed."""

    @abstractmethod
    def describe(self) -> ExperimentDescription:
        """Return the whole description as data."""

    @abstractmethod
    def _completed(self, description: ExperimentDescription) -> ExperimentDescription:
        """Return a description with what was said beyond its resources."""

    @abstractmethod
    def _registered(self, manager: ResourceManager) -> None:
        """Note a resource that is neither planned nor known to the engine."""

    @abstractmethod
    def _removed(self, manager: ResourceManager) -> None:
        """Forget what was noted of a resource."""

    @abstractmethod
    def _end_because_of(self, error: BaseException) -> None:
        """Shut down because of an exception."""
