"""Stand-ins: what plays the resources of an experiment that is run without its world. They do what an `Act` says."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, Final

from nepi.apps.expected_status import expected_statuses
from nepi.errors import ResourceError
from nepi.execution.factory import ResourceFactory
from nepi.execution.resource import ResourceManager
from nepi.model.commands import Completed, Exit
from nepi.model.states import ResourceState
from nepi.units import duration_s

BRIEFLY_S: Final = 1.0
"""How long what says nothing of its duration runs."""
_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Act:
    """What a resource does in a test instead of what it would do.

    Attributes:
        duration: how long it runs (seconds, or text such as "2h"); by default what its attributes `duration`, or `count` and
            `interval`, say, else one second. A service runs until it is stopped.
        deploy_time: how long deploying takes; likewise `start_time`, `stop_time`, `release_time`.
        status: the exit status that it ends with; other than the expected one it has failed.
        output: what it writes to its standard output when it starts.
        fail_on: the verb that fails ("deploy", "start", "stop", "release"), or "run" for what it does.
        fail_times: how often that fails before it works; None for always.
        reason: what the failure says.
        result: what `handle.result` is.
        replies: for `ec.exec` on a node: by program, what it writes.
        values: by name, what else is asked of its resource manager.
    """

    duration: str | float | None = None
    deploy_time: str | float = 0.0
    start_time: str | float = 0.0
    stop_time: str | float = 0.0
    release_time: str | float = 0.0
    status: int = 0
    output: str = ""
    fail_on: str = ""
    fail_times: int | None = None
    reason: str = "as scripted"
    result: Any = None
    replies: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)


Acts = Mapping[str, Act]
"""By the name of a resource, or of a type with or without its backend."""


class StandIn(ResourceManager):
    """Plays a resource. Its class was made by `stand_in_for`, with the attributes, traces and needs of the real one."""

    real: ClassVar[type[ResourceManager]]
    acts: ClassVar[Acts] = _NOTHING
    _failures: int = 0
    _running: asyncio.Task[None] | None = None

    @property
    def act(self) -> Act:
        """What it is to do."""
        rtype = self.rtype()
        for name in (self.name, rtype, rtype.rpartition("::")[2]):
            if name in self.acts:
                return self.acts[name]
        return Act()

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_"):
            if name == "result":
                return self._result()
            if name in self.act.values:
                return self.act.values[name]
            if hasattr(self.real, name):
                raise AttributeError(f"{name!r} of {self.name} is not scripted: script={{{self.name!r}: Act(values={{{name!r}: ...}})}}")
        raise AttributeError(name)

    def _result(self) -> Any:
        if self.act.result is None:
            raise AttributeError(f"the result of {self.name} is not scripted: script={{{self.name!r}: Act(result=...)}}")
        return self.act.result

    async def deploy(self) -> None:
        """Take its time, then be READY."""
        await self._take("deploy", self.act.deploy_time)
        self.set_ready()

    async def start(self) -> None:
        """Be STARTED, write the output, and end by itself after its duration, unless it is a service."""
        await self._take("start", self.act.start_time)
        self.set_started()
        self._write()
        lasts = self._lasts_s()
        if lasts is not None:
            self._running = asyncio.get_running_loop().create_task(self._run(lasts))

    async def stop(self) -> None:
        """Take its time, then be STOPPED."""
        await self.abandon()
        await self._take("stop", self.act.stop_time)
        if self.state == ResourceState.STARTED:
            self.set_stopped()

    async def release(self) -> None:
        """Take its time, then be RELEASED."""
        await self.abandon()
        await self._take("release", self.act.release_time)
        self.set_released()

    async def abandon(self) -> None:
        """Do nothing any more."""
        running, self._running = self._running, None
        if running is not None:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    async def crash(self, reason: str) -> None:
        """Fail while it runs, as when its process is killed; for fault injection."""
        await self.abandon()
        if self.state == ResourceState.STARTED:
            self.explain_failure(reason)
            self.fail()

    async def _take(self, verb: str, time: str | float) -> None:
        if duration_s(time) > 0:
            await asyncio.sleep(duration_s(time))
        reason = self._failure_of(verb)
        if reason:
            raise ResourceError(reason)

    def _failure_of(self, verb: str) -> str:
        act = self.act
        if act.fail_on != verb or (act.fail_times is not None and self._failures >= act.fail_times):
            return ""
        self._failures += 1
        return f"{verb} failed: {act.reason}"

    def _lasts_s(self) -> float | None:
        """Return how long it runs, in seconds; None when it does not end by itself."""
        if self.act.duration is not None:
            return duration_s(self.act.duration)
        if self.service:
            return None
        if self.has_attribute("duration") and self.get("duration") is not None:
            return duration_s(self.get("duration"))
        if self.has_attribute("count") and self.has_attribute("interval"):
            count = self.get("count")
            return None if not count else float(count) * duration_s(self.get("interval") or BRIEFLY_S)
        return BRIEFLY_S

    async def _run(self, lasts_s: float) -> None:
        await asyncio.sleep(lasts_s)
        self._running = None
        status, reason = self.act.status, self._failure_of("run")
        self.ec.exited(self.guid, status)
        if not reason and self._is_expected(status):
            self.finish()
            return
        self.explain_failure(reason or f"exited with status {status}")
        self.fail()

    def _is_expected(self, status: int) -> bool:
        if not self.has_attribute("expectedStatus"):
            return status == 0
        statuses = expected_statuses(self.get("expectedStatus"))
        return statuses is None or status in statuses

    def _write(self) -> None:
        if self.act.output and "stdout" in self._traces:
            path = self.trace_path("stdout")
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("a") as file:
                file.write(self.act.output)


class ChangingStandIn(StandIn):
    """One whose attributes can be changed while it is up.

    Attributes:
        applied: each change, with the virtual time at which it took effect.
    """

    applied: list[tuple[float, dict[str, Any]]]

    async def apply(self, values: Mapping[str, Any]) -> None:
        """Note what was changed."""
        self.__dict__.setdefault("applied", []).append((self.ec._running().runner.now, dict(values)))


class NodeStandIn(ChangingStandIn):
    """A node, on which commands can be run; it is its own host."""

    @property
    def host(self) -> NodeStandIn:
        """Where commands run."""
        return self

    async def run(self, argv: Sequence[str], **_settings: Any) -> Completed:
        """Write the scripted reply."""
        now = asyncio.get_running_loop().time()
        return Completed(tuple(argv), Exit(0, now, now), self.act.replies.get(argv[0], "").encode(), b"")


def stand_in_for(real: type[ResourceManager], acts: Acts) -> type[StandIn]:
    """Return a class with the attributes, traces and needs of `real` that does what `acts` says."""
    spec = ResourceFactory.spec(real)
    base: type[StandIn] = NodeStandIn if spec.role == "node" else ChangingStandIn if hasattr(real, "apply") else StandIn
    members: dict[str, Any] = {
        # An attribute may be called as a member is that stand-ins have (the `host` of nodes): `_attributes` alone has it then.
        **{name: one for name, one in real._attributes.items() if name.isidentifier() and not hasattr(base, name)},
        **{name: one.copy() for name, one in real._traces.items() if name.isidentifier() and name not in real._attributes},
        **{name: getattr(real, name) for name in ("service", "role", "deadlines", "replaceable", "_help", "_backend")},
        "__doc__": real.__doc__,
        "__module__": real.__module__,
        "_rtype": real.rtype(),
        "_attributes": dict(real._attributes),
        "_traces": dict(real._traces),
        "real": real,
        "acts": acts,
    }
    made: type[StandIn] = type(real.__name__, (base,), members)
    made._attributes, made._traces = dict(real._attributes), dict(real._traces)
    # Whatever this machine has or lacks is nothing to a stand-in: no backend is asked for facts, no program is looked for.
    ResourceFactory._specs[made] = dataclasses.replace(spec, backend="", tools=(), samples_state=False)
    return made


def is_played(rclass: type[ResourceManager]) -> bool:
    """Whether a stand-in plays a class: those of this package's backends, but not the dummies, and none of the user's own."""
    module = rclass.__module__
    return module.startswith("nepi.") and not module.startswith("nepi.resources.dummy") and not issubclass(rclass, StandIn)


def substitution(acts: Acts) -> Callable[[type[ResourceManager]], type[ResourceManager]]:
    """Return what gives each class its stand-in, always the same one."""
    made: dict[type[ResourceManager], type[ResourceManager]] = {}

    def substitute(rclass: type[ResourceManager]) -> type[ResourceManager]:
        if not is_played(rclass):
            return rclass
        if rclass not in made:
            made[rclass] = stand_in_for(rclass, acts)
        return made[rclass]

    return substitute
