"""The part of the controller that brings a run to its end: as described, early, or because of an exception."""

from __future__ import annotations

import atexit
from typing import Any

from nepi.engine import events as ev
from nepi.errors import ExperimentError
from nepi.execution.failure import ECState
from nepi.execution.part import Part
from nepi.execution.waits import WaitResult
from nepi.model.conditions import Condition, Reached
from nepi.model.states import ResourceAction, ResourceState
from nepi.units import duration_s
from nepi.util.redaction import without_secrets


class Ending(Part):
    """How `ExperimentController` ends. Not for use by itself."""

    def release(self, guids: Any = None) -> WaitResult:
        """Give resources back, and whatever needs them; by default everything. Blocks until it is done."""
        with self._lock:
            wanted = list(self.registry.guids_of(guids)) if guids is not None else list(self.registry.managers)
            if self._run is None or self._state == ECState.TERMINATED:
                for guid in wanted:
                    self.registry.managers[guid].set_released()
                return WaitResult(True)
            self._run.runner.refuse_on_loop("release")
            self._join()
            self._run.runner.post(ev.ReleaseAsked(tuple(wanted)))
        result = self.wait_released(wanted)
        if guids is None and result:
            self._state = ECState.RELEASED
        return result

    def shutdown(self) -> None:
        """Release everything and end the controller. Harmless the second time.

        Raises:
            ExperimentError: the controller itself failed during the run.
        """
        run = self._run
        if self._is_over() or (run is not None and run.runner.is_elsewhere):
            return  # the latter: this process is a fork, and what runs is its parent's
        if run is not None:
            run.runner.refuse_on_loop("shutdown")
        with self._ending:  # who comes second returns when it is done
            if self._is_over():
                return
            if not self.keep or run is None:
                self.release()
            self._state = ECState.TERMINATED
            if run is None:
                return
            atexit.unregister(self._controller._exit_hook)
            run.finish(keep=self.keep)
            self._warm.close()
        if run.runner.broken is not None:
            raise ExperimentError(f"the controller failed: {run.runner.broken}") from run.runner.broken

    def run(self, deadline: str | float | None = None, *, quorum: float | None = None) -> None:
        """Deploy, wait until everything that ends by itself has ended, stop the services, release.

        Where nothing ends by itself, the wait is for everything to be STARTED.

        Args:
            deadline: how long the wait may take; by default the experiment's `deadline`, or for ever.
            quorum: as for `deploy`.

        Raises:
            PlanError: the description has mistakes; nothing was created.
            ExperimentError: a critical resource failed, the deadline passed, or something could not be given back.
        """
        if self._run is not None and self._state != ECState.TERMINATED:
            self._run.runner.refuse_on_loop("run")
        self.deploy(quorum=quorum)
        self._bring_to_end(self._deadline_s if deadline is None else duration_s(deadline))

    def complete(self, deadline: str | float | None = None) -> None:
        """Bring what is deployed to its end, as `run` does; for a run that was taken up with `attach`.

        Args:
            deadline: how long the wait may take; by default what is left of that of the `run` that began it.

        Raises:
            ExperimentError: as `run`.
        """
        runner = self._running().runner
        runner.refuse_on_loop("complete")
        deadline_s = None if deadline is None else duration_s(deadline)
        if deadline_s is None and self._taken_from is not None and self._taken_from.run_deadline is not None:
            deadline_s = max(self._taken_from.run_deadline - runner.now, 0.0)
        if deadline_s is None:
            deadline_s = self._deadline_s
        self._bring_to_end(deadline_s)

    def _bring_to_end(self, deadline_s: float | None) -> None:
        if deadline_s is not None:
            runner = self._running().runner
            runner.note(run_until=runner.now + deadline_s)
        try:
            result = self._wait(self._done(), deadline_s)
            if result:
                self._stop_services()
            elif not self._controller.abort:
                self.abort_run(result.reason)
        except BaseException as error:
            self._end_because_of(error)
            raise
        self.shutdown()
        self._tell_how_it_ended(result)

    def _tell_how_it_ended(self, result: WaitResult) -> None:
        ec = self._controller
        for sentence in ec.invalid:
            ec.logger.warning(f"this run is invalid: {sentence}")
        # The wait is over also when the last resource ended by a failure that aborts the run.
        reason = result.reason if not result else ec.abort_reason or "the failure manager aborted the run" if ec.abort else ""
        if reason:
            raise ExperimentError(f"experiment {self._exp_id}: {reason}\nThe run's folder is {ec.run_dir}")
        if ec.left_behind:
            left = "; ".join(f"{self.registry.name_of(guid)}: {reason}" for guid, reason in ec.left_behind.items())
            raise ExperimentError(f"experiment {self._exp_id} left something behind: {left}\n`nepi gc` gives it back")

    def _done(self) -> Condition:
        """Return when a run is over: everything that ends by itself has ended; where nothing does, everything is up."""
        ending = [guid for guid in self._deployed if not self.registry.managers[guid].service]
        if ending:
            return Reached(tuple(ending), ResourceState.STOPPED, "ended")
        return Reached(tuple(self._deployed), ResourceState.STARTED, "at_least")

    def _stop_services(self) -> None:
        services = tuple(
            guid
            for guid in self._deployed
            if self.registry.managers[guid].service and self.registry.managers[guid].state == ResourceState.STARTED
        )
        if services and not self.keep:
            runner = self._running().runner
            runner.post(ev.ActionAsked(ResourceAction.STOP, services))
            runner.wait(Reached(services, ResourceState.STOPPED, "ended"), survives_abort=True)

    def abort_run(self, reason: str) -> None:
        """End the run early: nothing new is started, every wait ends at once with `reason`."""
        self._refuse_when_over("abort_run")
        self._begin().runner.post(ev.AbortAsked(without_secrets(reason)))

    def _end_because_of(self, error: BaseException) -> None:
        """Shut down because of an exception, which goes on to the caller whatever else fails."""
        try:
            self._abort_because_of(error)
            self.shutdown()
        except (Exception, KeyboardInterrupt) as another:
            error.add_note(f"while the experiment was given back: {type(another).__name__}: {another}")

    def _abort_because_of(self, error: BaseException) -> None:
        """Let the record of a run that an exception ends early say so; a script that just exits has ended well."""
        if (
            self._run is None
            or self._state == ECState.TERMINATED
            or self._controller.abort
            or (isinstance(error, SystemExit) and not error.code)
        ):
            return
        what = "interrupted" if isinstance(error, KeyboardInterrupt) else f"the program raised {type(error).__name__}: {error}".rstrip(": ")
        self.abort_run(what)
