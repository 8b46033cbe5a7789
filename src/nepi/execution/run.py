"""What exists from the first deploy on: the run's folder, its journal and ledger, and those who decide and carry out."""

from __future__ import annotations

import contextlib
import functools
import os
import threading
import time
from typing import TYPE_CHECKING, Any

from nepi.engine import events as ev
from nepi.engine.core import Engine
from nepi.errors import DescriptionError, RunError
from nepi.execution.dispatch import Dispatcher
from nepi.execution.failure import FailureManager, replaced
from nepi.execution.journal import Journal
from nepi.execution.process_identity import ProcessIdentity, boot_id
from nepi.execution.runlock import RunLock
from nepi.execution.runner import Runner
from nepi.execution.summary import environment, summarize
from nepi.model.experiment import ExperimentDescription, json_text
from nepi.model.states import ResourceState
from nepi.plan.result import Plan
from nepi.util.timefuncs import tnow

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.execution.ledger import Ledger
    from nepi.execution.run_record import RunRecord
    from nepi.execution.rundir import RunDir
    from nepi.execution.supervisor_start import Supervisor


class Run:
    """One run of an experiment, as long as this process controls it. Made by `begin` or `resume`.

    Args:
        ec: the controller; read for its settings and resources.
        rundir: its folder.
        lock: held.
        record: what an earlier controller has left, if this one takes the run up.
    """

    def __init__(self, ec: ExperimentController, rundir: RunDir, lock: RunLock, record: RunRecord | None = None) -> None:
        self.rundir = rundir
        self.supervisor: Supervisor | None = None
        self.trouble: list[str] = []
        self._ec = ec
        self._run_lock = lock
        self._lock = threading.Lock()
        self._ledger: Ledger | None = None
        self._has_begun = False
        self._status_before = rundir.read_status() if record is not None else {}
        self.write_status("running")
        self.dispatcher = Dispatcher(ec.registry.managers, ec.aborted)
        self.dispatcher.interference = ec.interference
        self.dispatcher.change = functools.partial(ec._changes.carry_out, ec)
        if record is None:
            journal = Journal(rundir.journal, self._header(), self._make_room)
            engine = Engine(stop_on_abort=ec.stop_on_abort, label=ec.registry.name_of)
            self.runner = Runner(engine, self.dispatcher, journal, ec.loop_factory)
        else:
            journal = Journal.reopen(rundir.journal, record.batches, self._make_room)
            self.runner = Runner(
                record.engine,
                self.dispatcher,
                journal,
                ec.loop_factory,
                elapsed_s=record.elapsed_s(),
                first_watch=record.last_watch + 1,
            )
            self.runner.hold()
        self._has_begun = True
        if replaced(ec.fm):
            self.runner.observers.append(_Judge(ec.fm, self.runner, self.dispatcher))
        self.runner.observers.extend(ec.observers)

    @classmethod
    def begin(cls, ec: ExperimentController, rundir: RunDir) -> Run:
        """Begin a run in a folder that was just made.

        Raises:
            RunError: it cannot be written; the folder is gone again.
        """
        lock = RunLock(rundir.path)
        try:
            lock.acquire()
            rundir.set_room_aside()
            rundir.write_json(rundir.environment, {**environment(), "seed": ec.seed}, indent=1)
            return cls(ec, rundir, lock)
        except (OSError, RunError) as error:
            lock.release()
            rundir.discard()
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise RunError(f"the run's folder {rundir.path} cannot be written: {why}; nothing was created") from error

    @classmethod
    def resume(cls, ec: ExperimentController, rundir: RunDir, lock: RunLock, record: RunRecord) -> Run:
        """Take up a run whose controller is gone; the runner holds everything until it is told to resume.

        Raises:
            RunError: its folder cannot be written.
        """
        try:
            with contextlib.suppress(OSError):  # without it, too, the run can end
                rundir.set_room_aside()
            return cls(ec, rundir, lock, record)
        except OSError as error:
            raise RunError(f"the run's folder {rundir.path} cannot be written: {error.strerror}") from error

    def _header(self) -> dict[str, Any]:
        ec = self._ec
        header = {"exp_id": ec.exp_id, "run_id": ec.run_id, "stop_on_abort": ec.stop_on_abort, "began": tnow().isoformat()}
        header |= {"boot_id": boot_id(), "monotonic": time.monotonic()}
        if ec.lease_s is not None:
            header["lease_s"] = ec.lease_s
        if replaced(ec.fm):
            header["judged_by"] = f"{type(ec.fm).__module__}.{type(ec.fm).__qualname__}"
        return header

    def _make_room(self) -> bool:
        """Give the reserve up because the disk is full, and end the run early; from any thread."""
        if not self._has_begun or not self.rundir.make_room():
            return False  # before it has begun: better not to begin
        self.runner.post(ev.AbortAsked(f"the disk of {self.rundir.path} is full"))
        return True

    @property
    def ledger(self) -> Ledger:
        """The ledger, which all backends share: every outside thing is in it before it is made. Made when first asked for."""
        with self._lock:
            if self._ledger is None:
                from nepi.execution.ledger import Ledger  # sqlite3 is not imported by runs that touch nothing outside

                self._ledger = Ledger(self.rundir.ledger, self._make_room)
            return self._ledger

    def supervise(self) -> None:
        """Where a lease was asked for, see to it that somebody gives the run back should its controller die."""
        lease_s = self._ec.lease_s
        if lease_s is None:
            return
        from nepi.execution.supervisor_start import Supervisor

        self.supervisor = Supervisor.found(self.ledger) or Supervisor.start(self.rundir.path, self.ledger, lease_s)

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
        except OSError as error:
            raise RunError(f"the run's folder {self.rundir.path} cannot be written: {error.strerror}") from error

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
        try:
            self.runner.close()
            if self.supervisor is not None and not keep:
                self.supervisor.end()
            if self._ledger is not None:
                self._ledger.close()
            for failure in self.dispatcher.sessions.failures:
                self.dispatcher.left_behind.setdefault(0, failure)
            self.trouble += self.dispatcher.sessions.trouble
            self.rundir.make_room()  # nobody else needs it any more
            self._write_end(keep)
        finally:
            self._run_lock.release()

    def let_go(self) -> None:
        """Give up taking a run up, and leave it as it is, for the next who tries; `run.json` names the controller that died."""
        self.dispatcher.sessions.abandon()
        try:
            self.runner.close()
            if self._ledger is not None:
                self._ledger.close()
            self.rundir.write_status(**self._status_before)
        finally:
            self._run_lock.release()

    def _write_end(self, keep: bool) -> None:
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
