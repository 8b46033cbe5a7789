"""`nepi compare FILE --backends netns,ns3`: runs one description on two backends and says, metric by metric, whether they agree."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from nepi.cli.console import FAILED, FINE, WRONG, complain, note, print_json, say

if TYPE_CHECKING:
    from nepi.execution.ec import ExperimentController
    from nepi.results.comparison import Compared, Estimate

FIGURES: Final = ("throughput_bps", "rtt_avg_s", "loss")
"""What is compared of a result: what of these it has."""
FORMAT: Final = 1


def compare(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An experiment (.yaml, .json, .xml).", exists=True, dir_okay=False)],
    backends: Annotated[str, typer.Option(metavar="A,B", help="The two backends.")] = "netns,ns3",
    repeat: Annotated[int, typer.Option(metavar="N", min=1, help="Repetitions on each; two at least, to decide anything.")] = 5,
    tolerance: Annotated[float, typer.Option(min=0.0, max=1.0, help="What counts as the same: this part of the first one's mean.")] = 0.05,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Of the intervals.")] = 0.95,
    json: Annotated[bool, typer.Option("--json", help="Write the comparison as JSON to standard output.")] = False,
) -> None:
    """Run one description on two backends, several times each, and say whether they measure the same.

    Each repetition has a seed of its own, the same on both. Exit status: 0 when all metrics agree, 1 when one differs or is not decided.
    """
    from nepi.errors import UsageError
    from nepi.results import comparison

    names = [name.strip() for name in backends.split(",") if name.strip()]
    if len(names) != 2:
        raise UsageError(f"--backends names two backends, such as netns,ns3, not {backends!r}")
    comparison.t_quantile(confidence, 1)  # before anything runs, it is said that scipy is missing
    measured = [dict(_measure(file, name, repeat)) for name in names]
    rows = comparison.compare(measured[0], measured[1], tolerance=tolerance, confidence=confidence)
    if not rows:
        complain(f"{file} measures nothing that can be compared: it needs a Ping or an Iperf3Client")
        raise typer.Exit(WRONG)
    if json:
        settings = {"format": FORMAT, "backends": names, "repeat": repeat, "tolerance": tolerance, "confidence": confidence}
        print_json({**settings, "metrics": [row.to_record() for row in rows]})
    else:
        _show(names, rows)
    raise typer.Exit(FINE if all(row.verdict == "agree" for row in rows) else FAILED)


def _measure(file: Path, backend: str, repeat: int) -> Iterator[tuple[str, list[float]]]:
    """Yield the values of all repetitions by metric."""
    from nepi.execution.ec import ExperimentController

    found: dict[str, list[float]] = {}
    for number in range(1, repeat + 1):
        note(f"nepi: {backend}, {number} of {repeat}")
        with ExperimentController.load(file, backend=backend, seed=number) as ec:
            ec.run()
            for metric, value in figures(ec):
                found.setdefault(metric, []).append(value)
    yield from found.items()


def figures(ec: ExperimentController) -> Iterator[tuple[str, float]]:
    """Yield what the applications of a run have measured: ("client throughput_bps", 9.4e6)."""
    for guid in ec.resources:
        manager: Any = ec.resource(guid)
        result = getattr(manager, "result", None)
        for name in FIGURES:
            value = getattr(result, name, None)
            if isinstance(value, int | float):
                yield f"{manager.name} {name}", float(value)


def _show(names: list[str], rows: list[Compared]) -> None:
    table = [("metric", *names, "difference", "verdict")]
    for row in rows:
        table.append((row.metric, _text(row.first), _text(row.second), _difference(row), row.verdict))
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for line in table:
        say("  ".join(word.ljust(width) for word, width in zip(line, widths, strict=True)).rstrip())


def _text(one: Estimate) -> str:
    if one.mean is None:
        return "-"
    return f"{one.mean:.5g}" + (f" ± {one.half_width:.2g}" if one.half_width is not None else "")


def _difference(row: Compared) -> str:
    if row.difference is None:
        return "-"
    return f"{row.difference:+.3g}" + (f" [{row.low:+.3g}, {row.high:+.3g}]" if row.low is not None and row.high is not None else "")
