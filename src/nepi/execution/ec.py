"""The experiment controller: describe, deploy, control, wait, release. The vocabulary is the seed's; DESIGN §3 has the additions.

Its parts: `describing` (before anything runs), `planning` (to deploy), `changing`, `waiting`, `verifying`, `ending`. What it is made of:
`registry` (the resources), `run` (what exists from the first deploy on), `tasks`.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import secrets
import threading
import weakref
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from nepi.engine import events as ev
from nepi.errors import BadValueError, UsageError
from nepi.execution import invocation
from nepi.execution.attaching import Attaching
from nepi.execution.building import Building
from nepi.execution.changing import Changes, Changing
from nepi.execution.describing import Describing
from nepi.execution.ending import Ending
from nepi.execution.failure import ECState, FailureLevel, FailureManager, replaced
from nepi.execution.handle import Handle
from nepi.execution.interrupts import BlockInterrupts
from nepi.execution.planning import Planning
from nepi.execution.policies import Policies
from nepi.execution.registry import Guid, Registry
from nepi.execution.resource import ResourceManager
from nepi.execution.run import Run
from nepi.execution.run_record import RunRecord
from nepi.execution.rundir import RunDir, checked_name, runs_home
from nepi.execution.saving import Saving
from nepi.execution.scheduler import Task
from nepi.execution.sessions import Session
from nepi.execution.speaking import Speaking
from nepi.execution.summary import invalid_because
from nepi.execution.tasks import Tasks, due_in_s, own_method
from nepi.execution.verifying import Verifying
from nepi.execution.waiting import Waiting
from nepi.model.commands import Completed
from nepi.model.conditions import Condition, members_of
from nepi.model.experiment import ExperimentDescription
from nepi.model.states import ResourceAction, ResourceState, ResourceState2str
from nepi.plan.core import NETWORKS
from nepi.plan.result import Plan
from nepi.plan.static_routes import checked_routing
from nepi.units import duration_s
from nepi.util.logger import Logger
from nepi.util.timefuncs import tsformat

if TYPE_CHECKING:
    from nepi.execution.ledger import Ledger
    from nepi.execution.net import Net
    from nepi.execution.runner import Observer

__all__ = ["ECState", "ExperimentController", "FailureLevel", "FailureManager"]

S = TypeVar("S", bound=Session)


class ExperimentController(
    Planning, Policies, Changing, Speaking, Waiting, Verifying, Ending, Attaching, Describing, Building, Saving, Logger
):
    """Controls one run of one experiment.

    Args:
        exp_id: name of the experiment; by default a new one.
        local_dir: where the run's folder is made, as local_dir/exp_id/run_id; by default ~/.nepi/runs.
        fm: judges failures; by default critical resources abort.
        backend: where types named without one belong ("netns").
        run_id: name of this run; by default the date and time, 20 digits.
        stop_on_abort: an abort also stops what is running.
        keep: leave everything up at the end.
        verify: verify the shaped links of each deployment before anything of it starts.
        lease: should this program die, and nobody attach within this time ("30m"), everything is given back by itself. With `keep`, a
            kept run is given back after it.
        networks: where automatic addresses are taken from.
        routing: which nodes get static routes along the shortest ways, where they do not say it themselves: "static" all, "hosts"
            those on one network (routing daemons do the rest), "none" none.
        deadline: how long `run()` waits for the end, unless it is told otherwise.
        seed: what the jitter of retries and the random numbers of simulations depend on; by default a new one. `environment.json` has it.
        loop_factory: makes the event loop; for tests.

    Raises:
        BadValueError: exp_id or run_id cannot be a folder's name, or there is no such routing.
    """

    def __init__(
        self,
        exp_id: str | None = None,
        local_dir: str | Path | None = None,
        fm: FailureManager | None = None,
        *,
        backend: str = "",
        run_id: str | None = None,
        stop_on_abort: bool = False,
        keep: bool = False,
        verify: bool = False,
        lease: str | float | None = None,
        networks: Iterable[str] = NETWORKS,
        routing: str = "static",
        deadline: str | float | None = None,
        seed: int | None = None,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop,
    ) -> None:
        super().__init__("ExperimentController")
        asked = invocation.current() or invocation.Invocation()
        self._exp_id = checked_name("exp_id", exp_id) if exp_id is not None else f"exp-{secrets.token_hex(8)}"
        self._run_id = checked_name("run_id", run_id) if run_id is not None else tsformat()
        self._base = Path(local_dir) if local_dir is not None else runs_home()
        self._fm = fm if fm is not None else FailureManager()
        self._fm.set_ec(self)
        self.backend = backend or asked.backend
        self.keep = keep or asked.keep
        self.stop_on_abort = stop_on_abort
        self.lease_s = _lease_s(lease if lease is not None else asked.lease)
        self.lost: list[str] = []
        self.loop_factory = loop_factory
        self.seed = secrets.randbits(32) if seed is None else seed
        self.observers: list[Observer] = []
        self.registry = Registry(self)
        self._prepare_verifying(verify)
        self._networks = (networks,) if isinstance(networks, str) else tuple(networks)
        self._routing = checked_routing(routing)
        self._deadline_s = None if deadline is None else duration_s(deadline)
        self._lock = threading.RLock()
        self._ending = threading.RLock()
        self._unjoined: dict[int, None] = {}
        self._unplanned: dict[int, None] = {}
        self._untold: dict[int, None] = {}
        self._deployed: dict[int, None] = {}
        self._groups = 0
        self._nets: list[Net] = []
        self._plan = Plan()
        self._description: ExperimentDescription | None = None
        self._run: Run | None = None
        self._warm = contextlib.ExitStack()
        self._changes = Changes()
        self._changes_said: list[tuple[ResourceManager, Condition, Mapping[str, Any]]] = []
        self._tasks = Tasks()
        self._state = ECState.RUNNING
        self._abort_reason: str | None = None
        self._taken_from: RunRecord | None = None
        self._interrupts: BlockInterrupts | None = None
        asked.controllers.append(self)
        if asked.made is not None:
            asked.made(self)

    # Who and where.

    @property
    def exp_id(self) -> str:
        """Names the experiment."""
        return self._exp_id

    @property
    def run_id(self) -> str:
        """Names this run of it."""
        return self._run_id

    @property
    def local_dir(self) -> str:
        """Where runs are kept."""
        return str(self._base)

    @property
    def exp_dir(self) -> str:
        """Where the runs of this experiment are kept."""
        return str(self._base / self._exp_id)

    @property
    def run_dir(self) -> str:
        """The folder of this run; it exists from the first deploy on."""
        return str(self._base / self._exp_id / self._run_id)

    @property
    def ledger(self) -> Ledger:
        """The ledger of this run, which all backends share: every outside thing is in it before it is made."""
        return self._running().ledger

    @property
    def ecstate(self) -> ECState:
        """Where the controller is in its life."""
        return ECState.FAILED if self._run is not None and self._run.runner.broken is not None else self._state

    @property
    def fm(self) -> FailureManager:
        """Judges failures."""
        return self._fm

    @property
    def failure_level(self) -> FailureLevel:
        """The worst that has happened."""
        return self._fm.failure_level

    @property
    def abort(self) -> bool:
        """Whether the run was aborted."""
        return self._abort_reason is not None or self._fm.abort

    @property
    def abort_reason(self) -> str:
        """Why the run was aborted, or ""."""
        return self._abort_reason or ""

    @property
    def left_behind(self) -> dict[int, str]:
        """What could not be given back, and why; `nepi gc` tries again."""
        return dict(self._run.dispatcher.left_behind) if self._run is not None else {}

    @property
    def invalid(self) -> list[str]:
        """Why what the run has measured must not be believed, one sentence each; a simulation that could not keep up, for one."""
        found = (invalid_because(manager) for manager in self.registry.managers.values() if self.has_run)
        return list(dict.fromkeys(reason for reason in found if reason))

    @property
    def trouble(self) -> list[str]:
        """What went wrong on the way and changed nothing of the outcome: what a full disk could not take, for one."""
        run = self._run
        return [] if run is None else [*([run.runner.journal_lost] if run.runner.journal_lost else []), *run.trouble]

    @property
    def has_run(self) -> bool:
        """Whether something was deployed, so that there is a run."""
        return self._run is not None

    @property
    def plan(self) -> Plan:
        """What planning has decided so far."""
        return self._plan

    def is_deployed(self, guid: int) -> bool:
        """Whether a resource was deployed."""
        return guid in self._deployed

    # Acting.

    def why(self, guid: Guid) -> str:
        """Say in one sentence what a resource waits for, or why it does not."""
        manager = self.resource(guid)
        run = self._run
        if run is None or manager.guid in self._unjoined:
            return f"{manager.name} is {ResourceState2str[manager.state]}; nobody has asked to deploy it."
        engine = run.runner.engine
        if self._state == ECState.TERMINATED or run.runner.on_loop:
            return str(engine.why(manager.guid))

        async def ask() -> str:
            return str(engine.why(manager.guid))

        return run.runner.call(ask())

    def discover(self, guid: Guid) -> Any:
        """Call a resource's discover, here and now."""
        return self._direct(guid, "discover")

    def provision(self, guid: Guid) -> Any:
        """Call a resource's provision, here and now."""
        return self._direct(guid, "provision")

    def start(self, guid: Guid) -> Any:
        """Call a resource's start, here and now."""
        return self._direct(guid, "start")

    def stop(self, guid: Guid) -> Any:
        """Call a resource's stop, here and now."""
        return self._direct(guid, "stop")

    def _direct(self, guid: Guid, verb: str) -> Any:
        manager = self.resource(guid)
        result = getattr(manager, verb)()
        if self._run is not None:
            self._run.dispatcher.sample(manager)
        return self._begin().runner.call(result) if asyncio.iscoroutine(result) else result

    def act(self, action: ResourceAction, *resources: Guid) -> None:
        """Order an action now, conditions aside; returns at once."""
        guids = tuple(self.resource(one).guid for one in resources)
        self._refuse_when_over(action.name.lower())
        self._joined(guids).runner.post(ev.ActionAsked(action, guids))

    # Tasks.

    def schedule(self, date: str, callback: Callable[[], Any], track: bool = False) -> int:
        """Call something at a date, on a worker thread.

        Scheduling a resource's own life-cycle method after its `reschedule_delay` means that it waits: it is called again when a
        connected resource changes state, at the latest after that delay.

        Args:
            date: relative ("2s") or absolute (20 digits, local time).
            callback: called without arguments.
            track: keep the task, so that `get_task` finds it.

        Returns:
            The task's id.
        """
        self._refuse_when_over("schedule")
        if self._run is None:
            due_in_s(date)  # a wrong one is told before anything is made
        run = self._begin()
        if self._unjoined:
            manager, _ = own_method(callback)
            self._join((manager.guid, *manager.connections) if manager is not None else ())
        return self._tasks.schedule(run, date, callback, track)

    def get_task(self, tid: int) -> Task | None:
        """Return a task that was scheduled with track=True, or None."""
        return self._tasks.get(tid)

    # For resource managers.

    def announced(self, guid: int, state: ResourceState) -> None:
        """A resource announces a state; from any thread."""
        run = self._run
        if run is not None:
            if self._unjoined and guid in self._unjoined:
                self._join((guid,))
            if guid in self.registry.managers:  # else it was removed, and nobody waits for it
                run.runner.post((guid, state))

    def failure_explained(self, guid: int, reason: str) -> None:
        """A resource says why it is about to fail."""
        if self._run is not None and guid not in self._unjoined and guid in self.registry.managers:
            self._run.runner.post(ev.Explained(guid, reason))

    def tell(self, event: ev.Event) -> bool:
        """Tell the engine of something that happened to a resource; return whether there is one that knows it."""
        guid = getattr(event, "guid", 0)
        if self._run is None or guid in self._unjoined or guid not in self.registry.managers:
            return False
        self._run.runner.post(event)
        return True

    def exited(self, guid: int, status: int) -> None:
        """A resource's process ended by itself."""
        self._running().runner.post(ev.Exited(guid, status))

    def condition_registered(self, guid: int, action: ResourceAction, condition: Condition) -> None:
        """A resource has got a condition; told to the engine now if it knows the resource, else when it joins."""
        if self._run is not None and guid not in self._unjoined:
            self._join(members_of(condition))
            self._run.runner.post(ev.ConditionAdded(guid, action, condition))

    def conditions_unregistered(self, guid: int, action: ResourceAction, members: tuple[int, ...]) -> None:
        """A resource no longer waits for some members."""
        if self._run is not None and guid not in self._unjoined:
            self._run.runner.post(ev.ConditionsDropped(guid, action, members))

    def release_wanted(self, guid: int) -> bool:
        """Whether a resource is being given back, so that what is in it needs not be undone one by one; on the loop's thread."""
        member = self._run.runner.engine.members.get(guid) if self._run is not None else None
        return member is not None and member.release_wanted

    async def session(self, key: Hashable, open_: Callable[[], Awaitable[S]]) -> S:
        """Return something that the run's resources share, opened by the first who asks, closed at the end of the run."""
        return await self._running().dispatcher.sessions.get(key, open_)

    def end_session(self, key: Hashable) -> asyncio.Task[None]:
        """Close what the run's resources share, because nothing is left that needs it; the next who asks for it opens a new one."""
        return self._running().dispatcher.sessions.end(key)

    def exec(self, node: Guid, argv: Iterable[str], *, deadline: str | float | None = None) -> Completed:
        """Run a command on a node to its end and return what it wrote.

        Raises:
            UsageError: the resource is no node, or is not up.
            CommandError: the program does not exist there.
            DeadlineError: it was still running after the deadline.
        """
        manager = self.resource(node)
        if not hasattr(manager, "host") or not ResourceState.READY <= manager.state < ResourceState.STOPPED:
            raise UsageError(
                f"exec: {manager.name} ({manager.rtype()}) is not a node that is up (it is {ResourceState2str[manager.state]})"
            )
        deadline_s = None if deadline is None else duration_s(deadline)
        result: Completed = self._running().runner.call(manager.host.run(list(argv), deadline_s=deadline_s))
        return result

    def iperf3(self, source: Guid, target: Guid, *, port: int = 5201, **values: Any) -> tuple[Handle, Handle]:
        """Add an Iperf3Server on `target` and an Iperf3Client on `source` that starts when the server accepts; returns (client, server)."""
        server = self.add("Iperf3Server", target, port=port)
        client = self.add("Iperf3Client", source, target=self.handle(target), port=port, **values)
        client.start_when(server.started)
        return client, server

    # The run.

    def _begin(self) -> Run:
        """Return the run; make its folder and start its runner, the first time."""
        run = self._run
        if run is not None:
            return run
        with self._lock:
            if self._run is not None:
                return self._run
            self._refuse_when_over("deploy")
            asked = invocation.current()
            self._run = Run.begin(self, RunDir.create(self._base, self._exp_id, self._run_id))
            self._keep_source(self._run.rundir)
            self._run.supervise()
            atexit.register(self._exit_hook)
            if asked is not None and asked.began is not None:
                asked.began(self)
            return self._run

    def _joined(self, guids: Iterable[int] | None = None) -> Run:
        """Return the run, whose engine knows of these resources (of every one by default)."""
        run = self._begin()
        self._join(guids)
        return run

    def _running(self) -> Run:
        if self._run is None:
            raise UsageError("nothing has been deployed yet; a run, its folder and its ledger are there from its first deploy on")
        return self._run

    def _registered(self, manager: ResourceManager) -> None:
        self._unjoined[manager.guid] = self._unplanned[manager.guid] = None

    def _removed(self, manager: ResourceManager) -> None:
        if self._run is not None and manager.guid not in self._unjoined:
            self._run.runner.post((manager.guid, ResourceState.RELEASED))  # the engine knows it, and must not wait for it
        for kept in (self._unjoined, self._unplanned, self._untold, self._deployed):
            kept.pop(manager.guid, None)

    def aborted(self, reason: str, guid: int | None) -> None:
        """The engine has aborted the run."""
        self._abort_reason = reason
        if guid is not None and not replaced(self._fm):
            self._fm.eval_failure(guid)

    def _is_over(self) -> bool:
        return self._state == ECState.TERMINATED

    def _refuse_when_over(self, what: str) -> None:
        if self._is_over():
            raise UsageError(f"{what}: experiment {self._exp_id} has been shut down; make a new ExperimentController")

    @functools.cached_property
    def _exit_hook(self) -> Callable[[], None]:
        reference = weakref.ref(self)

        def shut_down() -> None:
            ec = reference()
            if ec is not None:
                try:
                    ec.shutdown()
                except Exception as error:
                    ec.error(f"experiment {ec.exp_id} could not be shut down at the end of the program: {error}")

        return shut_down

    def __enter__(self) -> Self:
        self._interrupts = BlockInterrupts.of_this_program() if invocation.current() is None else None
        if self._interrupts is not None:
            self._interrupts.enter(self)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        interrupts, self._interrupts = self._interrupts, None
        try:
            if error is None:
                self.shutdown()
            else:
                self._end_because_of(error)
        finally:
            if interrupts is not None:
                interrupts.leave(self)
        if interrupts is not None and error is None:
            interrupts.raise_pending()  # one that came while everything was given back

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await asyncio.to_thread(self.__exit__, kind, error, trace)


def _lease_s(lease: str | float | None) -> float | None:
    if lease is None:
        return None
    seconds = duration_s(lease)
    if seconds <= 0:
        raise BadValueError(f"lease {lease!r}: expected a time above 0, such as '30m'")
    return seconds
