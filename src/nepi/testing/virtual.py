"""Whole experiments in virtual time: a script, or what a block of code does, with stand-ins for everything outside."""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nepi.cli.script import Script
from nepi.errors import UsageError
from nepi.execution.ec import ExperimentController
from nepi.execution.invocation import Invocation, invoked
from nepi.model.conditions import state_named
from nepi.testing.clock import PATIENCE_S, VirtualLoop
from nepi.testing.controller import VirtualController, may_jump
from nepi.testing.standin import Acts, ChangingStandIn, substitution


@dataclass(slots=True)
class VirtualRun:
    """What came of it.

    Attributes:
        controllers: every controller that was made, in order.
        output: what a script printed.
        status: the exit status that a script asked for; 0 when it just ended.
    """

    controllers: list[ExperimentController] = field(default_factory=list)
    output: str = ""
    status: int = 0

    @property
    def ec(self) -> ExperimentController:
        """The controller.

        Raises:
            UsageError: there is none, or there are several (see `controllers`).
        """
        if len(self.controllers) != 1:
            raise UsageError(f"{len(self.controllers)} controllers were made, not one; see `controllers`")
        return self.controllers[0]

    @property
    def now(self) -> float:
        """The virtual time, in seconds since the run began."""
        return self.ec._running().runner.now

    def entered(self, resource: Any, state: str) -> float | None:
        """Return the virtual time at which a resource (its name, say) entered a state last; None if it never did."""
        member = self.ec._running().runner.engine.members[self.ec.guid_of(resource)]
        return member.entered[state_named(state)]

    def applied(self, resource: Any) -> list[tuple[float, dict[str, Any]]]:
        """Return the changes of attributes that took effect while a resource was up: when, and which."""
        manager = self.ec.resource(resource)
        return list(manager.__dict__.get("applied", ())) if isinstance(manager, ChangingStandIn) else []


@contextlib.contextmanager
def virtual_time(
    script: Acts | None = None, *, backend: str = "", local_dir: Path | None = None, patience_s: float = PATIENCE_S
) -> Iterator[VirtualRun]:
    """Let every controller that is made in this block run in virtual time, with stand-ins for all resources; shut down at its end.

    Args:
        script: what stand-ins do, by the name of a resource or of a type.
        backend: where types belong whose controller names none.
        local_dir: where runs are kept; by default a folder that is removed at the end.
        patience_s: see `VirtualLoop`.
    """
    run = VirtualRun()
    with contextlib.ExitStack() as stack:
        base = local_dir if local_dir is not None else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="nepi-")))
        substitute = substitution(script or {})

        def made(ec: ExperimentController) -> None:
            run.controllers.append(ec)
            ec._base = base
            ec.substitute = substitute
            if not isinstance(ec, VirtualController):
                ec.loop_factory = lambda: VirtualLoop(lambda: may_jump(ec), patience_s=patience_s)

        stack.enter_context(invoked(Invocation(made=made, backend=backend)))
        stack.callback(_shut_down, run)
        yield run


def virtual_run(file: str | Path, *args: str, script: Acts | None = None, **settings: Any) -> VirtualRun:
    """Run an experiment's script, unchanged, in virtual time and with stand-ins for all resources.

    Args:
        file: the script.
        args: its arguments.
        script: what stand-ins do, by the name of a resource or of a type.
        settings: as for `virtual_time`.

    Raises:
        BaseException: what the script raises, `SystemExit` excepted.
    """
    program, printed = Script(Path(file), args), io.StringIO()
    with virtual_time(script, **settings) as run, program.as_main(), contextlib.redirect_stdout(printed):
        try:
            program.execute()
        except SystemExit as error:
            run.status = error.code if isinstance(error.code, int) else int(error.code is not None)
        finally:
            run.output = printed.getvalue()
    return run


def _shut_down(run: VirtualRun) -> None:
    for ec in run.controllers:
        ec.shutdown()
