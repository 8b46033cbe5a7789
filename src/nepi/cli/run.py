"""`nepi run FILE.py`: runs an experiment's script, shows how it goes on, and says at the end what came of it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, NoReturn

import typer

from nepi.cli.console import FAILED, FINE, UNTRUE, WRONG, complain, print_json, status_of

if TYPE_CHECKING:
    from nepi.cli.display import Display
    from nepi.cli.outcome import Outcome
    from nepi.cli.program import Program
    from nepi.execution.interrupts import Interrupts
    from nepi.execution.invocation import Invocation


INTERRUPTED: Final = 130


class Problem(NamedTuple):
    """Something to complain about.

    Attributes:
        text: the message.
        told: what is shown of the run says the same already.
    """

    text: str
    told: bool = False


def run(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="A Python script or an experiment (.yaml, .json, .xml).", exists=True, dir_okay=False),
    ],
    args: Annotated[
        list[str] | None, typer.Argument(metavar="ARGS", help="What the script finds in sys.argv; write them after --.")
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Leave everything up at the end; `nepi release` gives it back.")] = False,
    lease: Annotated[
        str, typer.Option(metavar="TIME", help='Should this die, give everything back unless somebody attaches within, such as "30m".')
    ] = "",
    backend: Annotated[str, typer.Option(help="Backend of types without one, where a script names none; instead of that of a file.")] = "",
    verify: Annotated[
        bool, typer.Option("--verify", help="Measure each shaped link against what was asked of it, before anything starts.")
    ] = False,
    json: Annotated[
        bool, typer.Option("--json", help="Write the summary as JSON to standard output; what the script prints goes to standard error.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show errors only.")] = False,
    full_traceback: Annotated[bool, typer.Option("--traceback", help="Show every error with its whole traceback.")] = False,
) -> None:
    """Run an experiment and say what came of it.

    Ctrl-C once ends it and gives everything back in order; twice abandons it, and `nepi gc` gives it back later.
    Exit status: 0 fine, 1 failed, aborted, invalid or left something behind, 2 wrong description or usage,
    3 fine but with --verify a link does not do what was asked of it, 130 after Ctrl-C.
    """
    from nepi.cli.program import program
    from nepi.execution.invocation import Invocation

    work = program(file, args or [], backend)
    asked = Invocation(keep=keep, lease=lease or None, backend=backend, verify=verify)
    bring_to_end(work, asked, json=json, quiet=quiet, full=full_traceback)


def bring_to_end(work: Program, asked: Invocation, *, json: bool, quiet: bool, full: bool) -> NoReturn:
    """Do some work with controllers, end what it has left running, say what came of it, and exit with the status of that."""
    from nepi.cli.display import display_for
    from nepi.cli.outcome import large_traces_bytes, show_outcome
    from nepi.execution.interrupts import Interrupts

    large_traces_bytes()
    display = display_for(quiet=quiet)
    interrupts = Interrupts(display.tell)
    with contextlib.redirect_stdout(sys.stderr) if json else contextlib.nullcontext():
        asked.tell = None if quiet else display.tell
        status, outcomes, problems = _run(work, asked, interrupts, display, full=full)
        if not quiet:
            for one in outcomes:
                show_outcome(one)
        shown = not quiet and not all(one.fine for one in outcomes)
        for problem in problems:
            if not (problem.told and shown):
                complain(problem.text)
    if json:
        from nepi.cli.outcome import FORMAT

        print_json({"format": FORMAT, "status": status, "runs": [one.to_record() for one in outcomes]})
    raise typer.Exit(status)


def _run(
    script: Program, asked: Invocation, interrupts: Interrupts, display: Display, *, full: bool
) -> tuple[int, list[Outcome], list[Problem]]:
    """Run a script to its end and end what it has left running.

    Returns:
        The exit status, how each run ended, and what is to be complained about.
    """
    from nepi.execution.invocation import invoked

    with _followed(asked, interrupts, display), interrupts.caught(), script.as_main(), invoked(asked):
        status, problems = _execute(script, full)
        ended = _end_all(asked)
    outcomes = _outcomes(asked)
    problems += [problem for problem in ended if problem not in problems]
    if interrupts.first is not None:
        return interrupts.status, outcomes, []
    if status == FINE and not interrupts.running:
        return WRONG, [], [Problem(f"{script.path} deployed nothing: call run() or deploy() of an ExperimentController")]
    if status == FINE and (ended or not all(one.fine for one in outcomes)):
        status = FAILED
    if status == FINE and asked.verify and any(one.broken for one in outcomes):
        status = UNTRUE
    return status, outcomes, problems


@contextlib.contextmanager
def _followed(asked: Invocation, interrupts: Interrupts, display: Display) -> Iterator[None]:
    from nepi.execution.ec import ExperimentController

    def made(ec: ExperimentController) -> None:
        interrupts.raise_pending()
        display.made(ec)

    def began(ec: ExperimentController) -> None:
        interrupts.raise_pending()
        interrupts.running.append(ec)
        display.began(ec)

    asked.made, asked.began = made, began
    try:
        yield
    finally:
        display.close()


def _execute(script: Program, full: bool) -> tuple[int, list[Problem]]:
    """Run the script; return its exit status, and what is to be complained about."""
    from nepi.errors import ExperimentError, NepiError

    try:
        script.execute()
    except KeyboardInterrupt:
        return INTERRUPTED, []
    except SystemExit as error:
        return _exit_status(error)
    except NepiError as error:
        if full:
            script.print_traceback(error)
        return status_of(error), [] if full else [Problem(script.message(error), told=isinstance(error, ExperimentError))]
    except Exception as error:
        script.print_traceback(error)
        return FAILED, []
    return FINE, []


def _exit_status(error: SystemExit) -> tuple[int, list[Problem]]:
    if isinstance(error.code, str):
        return FAILED, [Problem(error.code)]
    return (error.code or FINE), []


def _end_all(asked: Invocation) -> list[Problem]:
    """Release what the script has left running; return what went wrong."""
    from nepi.errors import NepiError

    problems: list[Problem] = []
    for ec in asked.controllers:
        while True:
            try:
                ec.shutdown()
            except KeyboardInterrupt:
                continue
            except NepiError as error:
                problems.append(Problem(str(error)))
            break
    return problems


def _outcomes(asked: Invocation) -> list[Outcome]:
    from nepi.cli.outcome import outcome_of

    found = [outcome_of(Path(ec.run_dir), kept=ec.keep) for ec in asked.controllers]
    return [one for one in found if one is not None]
