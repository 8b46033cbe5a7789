"""What `ec.add` returns: a small handle on a resource, with the user's verbs, and conditions as its properties."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from nepi.model.attributes import Reference
from nepi.model.conditions import Condition, Exited, Reached, as_condition
from nepi.model.promises import BUDGET, Verification
from nepi.model.states import ResourceAction, ResourceState
from nepi.model.traces import TraceAttr
from nepi.units import duration_s

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.execution.resource import ResourceManager


class Handle(Reference):
    """A resource of an experiment. It stands for its guid wherever a guid is taken, and may be the value of an attribute.

    What it has not itself (`client.result`), it takes from the resource manager.
    """

    __slots__ = ("_ec",)

    def __init__(self, ec: ExperimentController, guid: int) -> None:
        super().__init__(guid)
        self._ec = ec

    @property
    def manager(self) -> ResourceManager:
        """The resource manager."""
        return self._ec.resource(self.guid)

    @property
    def name(self) -> str:
        """The resource's name."""
        return self.manager.name

    @property
    def state(self) -> ResourceState:
        """The present state."""
        return ResourceState(self.manager.state)

    # Conditions.

    @property
    def ready(self) -> Condition:
        """True once the resource is READY."""
        return Reached((self.guid,), ResourceState.READY)

    @property
    def started(self) -> Condition:
        """True once it is STARTED."""
        return Reached((self.guid,), ResourceState.STARTED)

    @property
    def stopped(self) -> Condition:
        """True once it was STOPPED."""
        return Reached((self.guid,), ResourceState.STOPPED)

    @property
    def finished(self) -> Condition:
        """True once it has FINISHED by itself."""
        return Reached((self.guid,), ResourceState.FINISHED)

    @property
    def failed(self) -> Condition:
        """True once it has FAILED."""
        return Reached((self.guid,), ResourceState.FAILED)

    @property
    def ended(self) -> Condition:
        """True once it does nothing any more, however it ended."""
        return Reached((self.guid,), ResourceState.STOPPED, "ended")

    def exited(self, status: int) -> Condition:
        """Return the condition that its process ended by itself with this exit status."""
        return Exited(self.guid, status)

    # Verbs.

    def deploy_when(self, condition: Condition, *, deadline: str | float | None = None) -> Self:
        """Deploy it only when the condition is met (and those given before)."""
        return self._when(ResourceAction.DEPLOY, condition, deadline)

    def start_when(self, condition: Condition, *, deadline: str | float | None = None) -> Self:
        """Start it only when the condition is met (and those given before); it fails when that is not so by the deadline."""
        return self._when(ResourceAction.START, condition, deadline)

    def stop_when(self, condition: Condition, *, deadline: str | float | None = None) -> Self:
        """Stop it when the condition is met."""
        return self._when(ResourceAction.STOP, condition, deadline)

    def _when(self, action: ResourceAction, condition: Condition, deadline: str | float | None) -> Self:
        bounded = condition if deadline is None else as_condition(condition).within(duration_s(deadline))
        self._ec.add_condition(self.guid, action, bounded)
        return self

    def set_when(self, condition: Condition, **values: Any) -> Self:
        """Set attributes when the condition is met."""
        self._ec.set_when(self.guid, condition, **values)
        return self

    def set(self, **values: Any) -> Self:
        """Set attributes now; on a deployed resource all of them take effect as one change."""
        self._ec.set_all(self.guid, values)
        return self

    def get(self, name: str) -> Any:
        """Return the value of an attribute."""
        return self._ec.get(self.guid, name)

    def connect(self, *others: Any) -> Self:
        """Connect it to other resources."""
        for other in others:
            self._ec.register_connection(self.guid, other)
        return self

    def start(self) -> Self:
        """Start it now, conditions aside."""
        self._ec.act(ResourceAction.START, self.guid)
        return self

    def stop(self) -> Self:
        """Stop it now, conditions aside."""
        self._ec.act(ResourceAction.STOP, self.guid)
        return self

    def write_stdin(self, data: bytes | str, *, eof: bool = False) -> Self:
        """Write to the standard input of an application that runs; see `ExperimentController.send_stdin`."""
        self._ec.send_stdin(self.guid, data, eof=eof)
        return self

    def verify(self, budget: str | float = BUDGET) -> Verification:
        """Measure a link against what was asked of it; see `ExperimentController.verify`."""
        return self._ec.verify(self.guid, budget=budget)

    def trace(self, name: str = "stdout", attr: str = TraceAttr.ALL, block: int = 512, offset: int = 0) -> Any:
        """Return what a trace holds so far; see `ResourceManager.trace`."""
        return self._ec.trace(self.guid, name, attr, block, offset)

    def why(self) -> str:
        """Say what it waits for."""
        return self._ec.why(self.guid)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.manager, name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handle) and other.guid == self.guid and other._ec is self._ec

    def __hash__(self) -> int:
        return hash((id(self._ec), self.guid))

    def __repr__(self) -> str:
        manager = self.manager
        return f"<{manager.rtype()} {manager.name!r} ({self.guid}) {ResourceState(manager.state).name}>"
