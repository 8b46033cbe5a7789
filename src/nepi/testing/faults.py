"""Schedules of faults: plain data, printable and repeatable, and what makes them happen in a run."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Final, Literal, get_args

from nepi.engine import events as ev
from nepi.errors import BadValueError, ResourceError, UsageError
from nepi.execution.ec import ExperimentController
from nepi.execution.process_identity import ProcessIdentity
from nepi.execution.resource import ResourceManager
from nepi.execution.setting import set_now
from nepi.model.conditions import Reached
from nepi.model.states import ResourceState
from nepi.testing.machine_faults import filled_disk, full_disk, jumped_clock, no_files

Kind = Literal["kill", "drop", "agent", "fail", "stall", "cut", "journal", "disk", "files", "clock"]
"""What can go wrong. On a resource: kill (its process), drop (a host, with all that runs on it), fail and stall (a verb of it), cut (a
link). On the run: agent (the process that holds its namespaces). On the machine: journal (cannot be written), disk (is full), files (no
descriptor is left), clock (the wall clock jumps)."""
_OF_RESOURCES: Final = frozenset({"kill", "drop", "fail", "stall", "cut"})
_ON_VERBS: Final = frozenset({"fail", "stall"})
VERBS: Final = ("deploy", "start", "stop", "release")


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: what.
        at_s: seconds since the run began; fail and stall hit the first calls after that, and what is not up yet is hit as soon as it is.
        target: the resource's name, where it is one that is hit.
        verb: for fail and stall: deploy, start, stop or release.
        for_s: how many seconds it lasts (cut, stall, journal, disk, files); None for ever.
        times: for fail and stall: how many calls are hit.
        by_s: for clock: how many seconds it jumps ahead; negative for back.
    """

    kind: Kind
    at_s: float = 0.0
    target: str = ""
    verb: str = ""
    for_s: float | None = None
    times: int = 1
    by_s: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise BadValueError(f"fault {self.kind!r}: use one of {', '.join(get_args(Kind))}")
        if (self.kind in _OF_RESOURCES) != bool(self.target):
            raise BadValueError(f"fault {self.kind!r}: it {'needs' if self.kind in _OF_RESOURCES else 'has no'} target")
        if (self.kind in _ON_VERBS) != (self.verb in VERBS):
            raise BadValueError(f"fault {self.kind!r}: verb {self.verb!r}; fail and stall are of deploy, start, stop or release")


@dataclass(frozen=True, slots=True)
class FaultSchedule:
    """Faults in the order of their times. Printed, it is the expression that makes it again."""

    faults: tuple[Fault, ...] = ()

    @classmethod
    def random(cls, seed: int, targets: Mapping[str, Sequence[str]], *, count: int = 5, within_s: float = 60.0) -> FaultSchedule:
        """Draw faults; the same seed and targets give the same ones.

        Args:
            seed: what is drawn from.
            targets: by kind of fault, the names of the resources that it may hit; an empty list for kinds that hit none.
            count: how many.
            within_s: the latest time of one.
        """
        chance = Random(seed)
        faults = [_drawn(chance, targets, within_s) for _ in range(count)]
        return cls(tuple(sorted(faults, key=lambda fault: fault.at_s)))

    @contextlib.contextmanager
    def on(self, ec: ExperimentController) -> Iterator[Injection]:
        """Let the faults happen in a run, which begins inside this block; what lasts ends with the block.

        Raises:
            UsageError: the run has begun already.
        """
        if ec._run is not None:
            raise UsageError("faults are put on a controller before its first deploy")
        with contextlib.ExitStack() as lasting:
            injection = Injection(self, ec, lasting)
            ec.interference = injection.before
            ec.observers.append(injection)
            yield injection


def _drawn(chance: Random, targets: Mapping[str, Sequence[str]], within_s: float) -> Fault:
    kind: Any = chance.choice(sorted(targets))
    at_s, for_s = round(chance.uniform(0, within_s), 3), round(chance.uniform(0, within_s), 3)
    if kind in _ON_VERBS:
        endless = for_s if chance.random() < 0.5 else None
        verb = chance.choice(VERBS)
        return Fault(kind, at_s, chance.choice(sorted(targets[kind])), verb, endless if kind == "stall" else None, chance.randint(1, 3))
    if kind in _OF_RESOURCES:
        return Fault(kind, at_s, chance.choice(sorted(targets[kind])), for_s=for_s if kind == "cut" else None)
    return Fault(kind, at_s, for_s=for_s, by_s=round(chance.uniform(-86400, 86400), 3) if kind == "clock" else 0.0)


@dataclass
class Injection:
    """A schedule at work on a controller.

    Attributes:
        schedule: what is to happen.
        ec: where.
        struck: (seconds since the run began, fault) of each that happened, in order.
        missed: (fault, reason) of each that could not: its target was not there, or had ended.
    """

    schedule: FaultSchedule
    ec: ExperimentController
    lasting: contextlib.ExitStack
    struck: list[tuple[float, Fault]] = field(default_factory=list)
    missed: list[tuple[Fault, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._left = {fault: fault.times for fault in self.schedule.faults if fault.kind in _ON_VERBS}
        self._armed = False
        self._tasks: set[asyncio.Task[None]] = set()

    def batch(self, now: float, events: list[ev.Event], decisions: list[ev.Instruction]) -> None:
        """See that the run has begun: set the timers."""
        if not self._armed:
            self._armed = True
            loop = asyncio.get_running_loop()
            for fault in self.schedule.faults:
                if fault.kind not in _ON_VERBS:
                    loop.call_later(max(0.0, fault.at_s - now), self._begin, fault)

    def before(self, manager: ResourceManager, verb: str) -> Callable[[], Awaitable[None]] | None:
        """Return what goes wrong before a verb is called; on the loop's thread."""
        now = self.ec._running().runner.now
        for fault, left in self._left.items():
            if fault.target == manager.name and fault.verb == verb and left > 0 and fault.at_s <= now:
                self._left[fault] -= 1
                self.struck.append((now, fault))
                return lambda: _strike_verb(fault)
        return None

    def _begin(self, fault: Fault) -> None:
        task = asyncio.get_running_loop().create_task(self._strike(fault))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _strike(self, fault: Fault) -> None:
        try:
            end = await self._hit(fault)
        except Exception as error:  # what is hit may have ended, or never have been; a fault must not break the run otherwise
            self.missed.append((fault, f"{type(error).__name__}: {error}"))
            return
        self.struck.append((self.ec._running().runner.now, fault))
        if end is not None and fault.for_s is not None:
            await asyncio.sleep(fault.for_s)
            await end()

    async def _hit(self, fault: Fault) -> Callable[[], Awaitable[None]] | None:
        """Let it go wrong; return what ends that."""
        await self._until_it_is_up(fault)
        match fault.kind:
            case "kill":
                await _kill(self.ec.resource(fault.target), "killed")
            case "drop":
                await self._drop(self.ec.resource(fault.target))
            case "agent":
                self._kill_agent()
            case "cut":
                return await self._cut(self.ec.resource(fault.target))
            case "journal":
                return self._enter(full_disk(self.ec))
            case "disk":
                return self._enter(filled_disk(Path(self.ec.run_dir)))
            case "files":
                return self._enter(no_files())
            case "clock":
                self._enter(jumped_clock(fault.by_s))
        return None

    async def _until_it_is_up(self, fault: Fault) -> None:
        if fault.kind == "agent":
            whom: tuple[int, ...] = tuple(self.ec.resources)
        elif fault.kind in _OF_RESOURCES:
            whom = (self.ec.resource(fault.target).guid,)
        else:
            return
        result = await self.ec.until(Reached(whom, ResourceState.STARTED, count=1))
        if not result:
            raise UsageError(f"it was never up: {result.reason}")

    def _enter(self, fault: contextlib.AbstractContextManager[None]) -> Callable[[], Awaitable[None]]:
        own = contextlib.ExitStack()
        own.enter_context(fault)
        self.lasting.callback(own.close)  # harmless the second time

        async def end() -> None:
            own.close()

        return end

    async def _drop(self, host: ResourceManager) -> None:
        """Take a host away: whatever runs on it is killed, and no link reaches it any more."""
        for peer in host.get_connected():
            if peer.has_attribute("up"):
                await self._cut(peer)
            elif peer.role in ("", "application"):
                with contextlib.suppress(UsageError):  # it runs nothing
                    await _kill(peer, f"its host {host.name} is gone")
        host.explain_failure("the host is gone")
        host.fail()

    async def _cut(self, link: ResourceManager) -> Callable[[], Awaitable[None]]:
        await set_now(self.ec, link, {"up": False})

        async def end() -> None:
            await set_now(self.ec, link, {"up": True})

        return end

    def _kill_agent(self) -> None:
        found = [ProcessIdentity.from_json(row.identity) for row in self.ec.ledger.rows() if row.kind == "agent"]
        if not any(identity is not None and identity.kill(0.0) is not None for identity in found):
            raise UsageError("the run has no agent")


async def _strike_verb(fault: Fault) -> None:
    if fault.kind == "fail":
        raise ResourceError(f"{fault.verb} failed: fault injection")
    if fault.for_s is None:
        await asyncio.get_running_loop().create_future()
    else:
        await asyncio.sleep(fault.for_s)


async def _kill(manager: ResourceManager, reason: str) -> None:
    if manager._current != ResourceState.STARTED:
        raise UsageError(f"{manager.name} does not run")
    crash = getattr(manager, "crash", None)
    if crash is not None:
        await crash(reason)
        return
    process = getattr(manager, "process", None)
    if process is None:
        raise UsageError(f"{manager.name} has no process")
    await process.signal(signal.SIGKILL)
