"""`nepi plot`: pictures."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from nepi.cli.console import note, say

if TYPE_CHECKING:
    from nepi.topologies.topology import Topology

app = typer.Typer(help="Draw pictures.", no_args_is_help=True, rich_markup_mode=None)

_EXPERIMENT: Final = re.compile(r"""^experiment\s*:|"experiment"\s*:|<experiment\b""", re.MULTILINE)
_HEAD: Final = 65_536
_OF_MININET: Final = re.compile(r"^\s*(?:from|import)\s+mininet\b", re.MULTILINE)


@app.callback()
def plot() -> None:
    """Draw pictures."""


@app.command()
def topology(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="An experiment (script, YAML, JSON), or a topology: GraphML, containerlab, Kathará, CORE, Mininet, JSON, YAML.",
        ),
    ],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The picture, .svg, .png or .pdf; by default FILE's name with .svg, here.")
    ] = None,
    labels: Annotated[
        bool | None, typer.Option("--labels/--no-labels", help="Write rate, delay and loss on links; by default where there is room.")
    ] = None,
    backend: Annotated[str, typer.Option(help="Backend of types without one, where a script names none.")] = "",
) -> None:
    """Draw a topology: places as the file says them, or laid out.

    An experiment runs up to its first deploy() or run(); nothing is made.
    """
    from nepi.topologies.picture import draw

    path = Path(file)
    drawn = _of_experiment(path, backend) if _is_experiment(path) else _of_file(path)
    if output is None:
        output = Path(f"{path.resolve().name.partition('.')[0]}.svg")
    draw(drawn, output, labels=labels)
    for sentence in drawn.warnings:
        note(sentence)
    say(f"{output}: {len(drawn.nodes)} nodes, {len(drawn.links)} links")


def _is_experiment(path: Path) -> bool:
    """Whether a file describes an experiment: a script that is no topology of Mininet's, or a file with the key `experiment`."""
    if not path.is_file():
        return False
    if path.suffix == ".py":
        return _OF_MININET.search(path.read_text(encoding="utf-8", errors="replace")) is None
    if path.suffix in (".yaml", ".yml", ".json", ".xml"):
        with path.open(encoding="utf-8", errors="replace") as file:
            return _EXPERIMENT.search(file.read(_HEAD)) is not None
    return False


def _of_file(path: Path) -> Topology:
    from nepi.topologies.topology import Topology

    return Topology.load(path)


def _of_experiment(path: Path, backend: str) -> Topology:
    """Return the topology of the experiment that a script or a file would deploy first.

    Raises:
        typer.Exit: it has mistakes, or deploys nothing; that was said.
    """
    from nepi.cli.plan import run_to_plan
    from nepi.cli.program import program
    from nepi.execution.deployment import catalogue_of
    from nepi.execution.ec import ExperimentController
    from nepi.topologies.topology import Topology

    found: list[Topology] = []

    def take(ec: ExperimentController) -> None:
        roles = {rtype: spec.role for rtype, spec in catalogue_of(map(ec.resource, ec.resources)).items()}
        nets = ec.nets
        positions = {
            net.node(one.name).name: one.position
            for net in nets
            if len(nets) == 1
            for one in net.topology.nodes
            if one.position is not None
        }
        geographic = len(nets) == 1 and nets[0].topology.geographic
        traffic = {what: tuple(one.name for net in nets for one in getattr(net, what)) for what in ("sources", "targets")}
        found.append(Topology.of_experiment(ec.describe(), roles, positions=positions, geographic=geographic, **traffic))

    status, _ = run_to_plan(program(path, (), backend), backend, take)
    if not found:
        raise typer.Exit(status)
    return found[0]
