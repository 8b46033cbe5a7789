"""`nepi plan FILE.py`: runs a script up to its first deploy and shows what would happen. Nothing is made."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from nepi.cli.console import FAILED, FINE, WRONG, complain, print_json, print_table, say, status_of

if TYPE_CHECKING:
    from nepi.cli.program import Program
    from nepi.execution.ec import ExperimentController
    from nepi.execution.invocation import Invocation
    from nepi.plan.render import Section

FORMAT: Final = 1


@dataclass(slots=True)
class Planned:
    """What planning gave.

    Attributes:
        record: for `--json`.
        sections: tables for people.
    """

    record: dict[str, Any] = field(default_factory=dict)
    sections: list[Section] = field(default_factory=list)


def plan(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A Python script or an experiment (.yaml, .json, .xml).", exists=True, dir_okay=False),
    ],
    args: Annotated[
        list[str] | None, typer.Argument(metavar="ARGS", help="What the script finds in sys.argv; write them after --.")
    ] = None,
    backend: Annotated[str, typer.Option(help="Backend of types without one, where a script names none; instead of that of a file.")] = "",
    json: Annotated[bool, typer.Option("--json", help="Write JSON; what the script prints goes to standard error.")] = False,
) -> None:
    """Show what would happen, or all mistakes; make nothing.

    Order, addresses, resolved values, programs and kernel features. The script runs up to its first deploy() or run().
    Exit status: 0 when it can be deployed, 2 when it has mistakes.
    """
    from nepi.cli.program import program

    script = program(file, args or [], backend)
    planned = Planned()
    with contextlib.redirect_stdout(sys.stderr) if json else contextlib.nullcontext():
        status, mistakes = run_to_plan(script, backend, functools.partial(_note_plan, planned))
    if json:
        print_json({"format": FORMAT, "mistakes": mistakes, **planned.record})
    elif planned.record:
        say(f"Experiment {planned.record['description']['experiment']}: {len(planned.record['plan']['order'])} resources")
        for section in planned.sections:
            say()
            print_table(section.columns, section.rows, title=section.title)
    raise typer.Exit(status)


def run_to_plan(script: Program, backend: str, note: Callable[[ExperimentController], None]) -> tuple[int, list[str]]:
    """Run a script to its first deploy; return the exit status, and the description's mistakes, which were told.

    Args:
        script: what to run.
        backend: of types without one, where the script names none.
        note: called with the controller when it has a plan.
    """
    from nepi.errors import NepiError, PlanError
    from nepi.execution.invocation import Invocation, PlanOnly, invoked

    begun: list[ExperimentController] = []

    def stop_here(ec: ExperimentController) -> None:
        note(ec)
        raise PlanOnly

    asked = Invocation(planned=stop_here, began=begun.append, backend=backend)
    try:
        with script.as_main(), invoked(asked):
            script.execute()
    except PlanOnly:
        return FINE, []
    except PlanError as error:
        complain(script.message(error))
        return WRONG, list(error.mistakes)
    except NepiError as error:
        complain(script.message(error))
        return status_of(error), [str(error)]
    except SystemExit as error:
        complain(f"{script.path} ended by sys.exit({'' if error.code is None else repr(error.code)}) before it deployed anything")
        return WRONG, []
    except Exception as error:
        script.print_traceback(error)
        return FAILED, []
    finally:
        _unmake(asked, begun)
    complain(f"{script.path} deploys nothing: call run() or deploy() of an ExperimentController")
    return WRONG, []


def _note_plan(planned: Planned, ec: ExperimentController) -> None:
    from nepi.execution.deployment import catalogue_of, facts_for
    from nepi.plan.render import describe_plan

    managers = [manager for guid in ec.resources if (manager := ec.get_resource(guid)) is not None]
    catalogue = catalogue_of(managers)
    facts = facts_for(catalogue)
    description = ec.describe()
    planned.record = {"description": description.to_record(), "plan": ec.plan.to_record(), "facts": facts}
    planned.sections = describe_plan(ec.plan, description, catalogue, facts)


def _unmake(asked: Invocation, begun: list[ExperimentController]) -> None:
    """Take away what describing alone has made: a condition on an attribute opens the run's folder before anything is deployed."""
    from nepi.cli.removal import remove_folder, remove_link
    from nepi.errors import NepiError
    from nepi.execution.rundir import runs_home

    for ec in asked.controllers:
        with contextlib.suppress(NepiError):
            ec.shutdown()
    for ec in begun:
        remove_folder(Path(ec.run_dir))
        remove_link(runs_home() / ec.exp_id / ec.run_id)
