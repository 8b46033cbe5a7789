"""Running one description several times on a backend, for `nepi compare`: each time with another seed, whatever becomes of the others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from nepi.cli.console import FAILED, note, status_of

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.results.repetition import Repetition

HOPELESS_AFTER: Final = 2
"""A backend on which so many repetitions fail at the beginning is given up."""


def check(file: Path, backend: str) -> None:
    """See that the description can be run on a backend, before anything is run on any.

    Raises:
        PlanError: it cannot; all mistakes are told.
    """
    from nepi.execution.ec import ExperimentController

    with ExperimentController.load(file, backend=backend) as ec:
        for one in ec.loading_notes:
            note(f"nepi: note: {one}")
        _planned(ec, backend)


def _planned(ec: ExperimentController, backend: str) -> None:
    from nepi.errors import PlanError

    try:
        ec.check()
    except PlanError as error:
        mistakes = ec.source.located(error.mistakes) if ec.source is not None else error.mistakes
        raise PlanError([f"on {backend}: {mistake}" for mistake in mistakes]) from None


def repeat(file: Path, backend: str, count: int, first_seed: int) -> list[Repetition]:
    """Run it so many times; a repetition that fails is told of, and the next one tried.

    Raises:
        NepiError: not the world is to blame, but the description or the program; or whoever runs it has had enough.
    """
    done: list[Repetition] = []
    for number in range(1, count + 1):
        note(f"nepi: {backend}, {number} of {count}")
        one = _run(file, backend, number, first_seed + number - 1)
        done.append(one)
        if one.failure:
            note(f"nepi: {backend}, {number} of {count} failed: {one.failure}")
        if len(done) == HOPELESS_AFTER < count and all(each.failure for each in done):
            note(f"nepi: {backend} is given up: the first {HOPELESS_AFTER} of {count} failed")
            break
    return done


def _run(file: Path, backend: str, number: int, seed: int) -> Repetition:
    from nepi.errors import NepiError
    from nepi.execution.ec import ExperimentController
    from nepi.execution.summary import marks
    from nepi.results.repetition import Repetition, figures_of

    with ExperimentController.load(file, backend=backend, seed=seed) as ec:
        failure = ""
        try:
            ec.run()
        except NepiError as error:
            if status_of(error) != FAILED:
                raise
            failure = str(error)
        managers = [ec.resource(guid) for guid in ec.resources]
        found = {} if failure else {key: value for one in managers for key, value in figures_of(one.name, getattr(one, "result", None))}
        said = tuple(f"{one.name}: {what}" for one in managers for what in marks(one))
        return Repetition(backend, number, seed, found, said, failure, ec.run_dir)
