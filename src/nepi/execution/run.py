"""What exists from the first deploy on: the run's folder, its journal and ledger, and those who decide and carry out."""

from __future__ import annotations

import functools
import os
import threading
from typing import TYPE_CHECKING, Any

from nepi.engine import events as ev
from nepi.engine.core import Engine
from nepi.errors import DescriptionError
from nepi.execution.dispatch import Dispatcher
from nepi.execution.failure import FailureManager, replaced
from nepi.execution.journal import Journal
from nepi.execution.process_identity import ProcessIdentity
from nepi.execution.runner import Runner
from nepi.execution.summary import environment, summarize
from nepi.model.experiment import ExperimentDescription, json_text
from nepi.model.states import ResourceState
from nepi.plan.result import Plan
from nepi.util.timefuncs import tnow

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.execution.ledger import Ledger
    from nepi.execution.rundir import RunDir


class Run:
    """One run of an experiment.

    Args:
        ec: the controller; read for its settings and resources.
        rundir: its folder, just made.
    """

    def __init__(self, ec: ExperimentController, rundir: RunDir) -> None:
        self.rundir = rundir
        self._ec = ec
        self._lock = threading.Lock()
        self._ledger: Ledger | None = None
        self.write_status("running")
        rundir.write_json(rundir.environment, environment(), indent=1)
        header = {"exp_id": ec.exp_id, "run_id": ec.run_id, "stop_on_abort": ec.stop_on_abort, "began": tnow().isoformat()}
        journal = Journal(rundir.journal, header)
        self.dispatcher = Dispatcher(ec.registry.managers, ec.aborted)
        self.dispatcher.interference = ec.interference
        self.dispatcher.change = functools.partial(ec._changes.carry_out, ec)
        engine = Engine(stop_on_abort=ec.stop_on_abort, label=ec.registry.name_of)
        self.runner = Runner(engine, self.dispatcher, journal, ec.loop_factory)
        if replaced(ec.fm):
            self.runner.observers.append(_Judge(ec.fm, self.runner, self.dispatcher))
        self.runner.observers.extend(ec.observers)

    @property
    def ledger(self) -> Ledger:
        """The ledger, which all backends share: every outside thing is in it before it is made. Made when first asked for."""
        with self._lock:
            if self._ledger is None:
                from nepi.execution.ledger import Ledger  # sqlite3 is not imported by runs that touch nothing outside

                self._ledger = Ledger(self.rundir.ledger)
            return self._ledger

    def write_description(self, description: ExperimentDescription, plan: Plan) -> None:
        """Write what the run is of.

        Raises:
            DescriptionError: a value of it cannot be written as JSON.
        """
        try:
            self.rundir.write_text(self.rundir.description, json_text(description))
            self.rundir.write_json(self.rundir.plan, plan.to_record())
        except (TypeError, ValueError) as error:
            raise DescriptionError(f"the experiment cannot be written down: {error}") from error

    def write_status(self, state: str) -> None:
        """Say who controls the run and what has become of it."""
        me = ProcessIdentity.of(os.getpid())
        controller = {"pid": me.pid, "start_ticks": me.start_ticks, "boot_id": me.boot_id}
        self.rundir.write_status(
            exp_id=self._ec.exp_id,
            run_id=self._ec.run_id,
            state=state,
            host=os.uname().nodename,
            controller=controller,
            at=tnow().isoformat(),
        )

    def finish(self, *, keep: bool) -> None:
        """Close everything and say how the run ended; with `keep`, what was opened for the run stays open."""
        if keep:
            self.dispatcher.sessions.abandon()
        self.runner.close()
        if self._ledger is not None:
            self._ledger.close()
        for failure in self.dispatcher.sessions.failures:
            self.dispatcher.left_behind.setdefault(0, failure)
        record: dict[str, Any] = summarize(self._ec)
        try:
            self.rundir.write_json(self.rundir.summary, record, indent=1)
        except (OSError, TypeError, ValueError) as error:  # the state of the run is written all the same
            self._ec.error(f"{self.rundir.summary} could not be written: {error}")
        try:
            self.write_status("kept" if keep else record["outcome"])
        except OSError as error:
            self._ec.error(f"how the run ended could not be written to {self.rundir.path}: {error}")


class _Judge:
    """Lets a user's failure manager decide, on a worker thread, what a failure means."""

    def __init__(self, manager: FailureManager, runner: Runner, dispatcher: Dispatcher) -> None:
        self._manager = manager
        self._runner = runner
        self._dispatcher = dispatcher

    def batch(self, now: float, events: list[ev.Event], decisions: list[ev.Instruction]) -> None:
        """Look for failures."""
        for event in events:
            for guid in ev.entering(event, ResourceState.FAILED):
                self._dispatcher.workers.submit(functools.partial(self._judge, guid))

    def _judge(self, guid: int) -> None:
        self._manager.eval_failure(guid)
        if self._manager.abort:
            name = self._dispatcher.managers[guid].name
            self._runner.post(ev.AbortAsked(f"the failure manager aborted the run after {name} failed"))
