"""`nepi compare FILE --backends netns,ns3`: runs one description on several backends and says, metric by metric, whether they agree."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer

from nepi.cli.console import FAILED, FINE, WRONG, complain, note, print_json, print_table, say

if TYPE_CHECKING:
    from nepi.results.comparison import Compared, Estimate, Tolerance
    from nepi.results.repetition import Repetition

FIGURES: Final = "throughput_bps,rtt_avg_s,loss"
FORMAT: Final = 1


class Pair(NamedTuple):
    """Two backends, and what became of each metric."""

    first: str
    second: str
    rows: list[Compared]


class Rules(NamedTuple):
    """What is compared, and how.

    Attributes:
        figures: of results.
        tolerance: what counts as the same.
        confidence: of the intervals.
        repeat: how many repetitions there are to be.
    """

    figures: list[str]
    tolerance: Tolerance
    confidence: float
    repeat: int


def compare(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An experiment (.yaml, .json, .xml).", exists=True, dir_okay=False)],
    backends: Annotated[str, typer.Option(metavar="A,B", help="Two backends or more; each is compared with the first.")] = "netns,ns3",
    repeat: Annotated[int, typer.Option(metavar="N", min=1, help="Repetitions on each; two at least, to decide anything.")] = 5,
    seed: Annotated[int, typer.Option(help="Of the first repetition; the next ones have the numbers after it, on all backends.")] = 1,
    metrics: Annotated[
        str, typer.Option(metavar="A,B", help="What is compared: figures of results, such as jitter_s, retransmits.")
    ] = FIGURES,
    tolerance: Annotated[
        list[str] | None,
        typer.Option(metavar="X", help="What counts as the same: 5% of the first mean, or for one figure jitter_s=1ms; may be repeated."),
    ] = None,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999, help="Of the intervals.")] = 0.95,
    json: Annotated[bool, typer.Option("--json", help="Write everything as JSON to standard output.")] = False,
    to_csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write every figure of every repetition to a file.")] = None,
    discard: Annotated[bool, typer.Option("--discard", help="Remove the folders of runs that went well.")] = False,
) -> None:
    """Run one description on several backends, several times each, and say whether they measure the same.

    Exit status: 0 when all metrics agree; 1 when one differs, is not decided or doubtful, or a run failed; 2 for a wrong description.
    """
    from nepi.results.comparison import t_quantile

    names, rules = _backends(backends), Rules(_list(metrics), _tolerance(tolerance or []), confidence, repeat)
    t_quantile(confidence, 1)  # before anything runs, it is said that scipy is missing
    if to_csv is not None:
        _write_csv(to_csv, [])  # and that the file cannot be written
    done = _run_all(file, names, repeat, seed)
    everything = [one for runs in done for one in runs]
    if to_csv is not None:
        _write_csv(to_csv, everything)
    pairs = [Pair(names[0], name, _rows(done[0], runs, rules)) for name, runs in zip(names[1:], done[1:], strict=True)]
    failed = any(one.failure for one in everything)
    if not failed and not any(pair.rows for pair in pairs):
        complain(_nothing(file, rules.figures, everything))
        raise typer.Exit(WRONG)
    if json:
        print_json({"format": FORMAT, "backends": names, "seed": seed, **_record(rules, pairs, everything)})
    else:
        _show(pairs, everything, repeat)
    _clear_up(everything, discard=discard)
    agreed = not failed and all(row.verdict == "agree" for pair in pairs for row in pair.rows)
    raise typer.Exit(FINE if agreed else FAILED)


def _run_all(file: Path, names: Sequence[str], count: int, seed: int) -> list[list[Repetition]]:
    """Run it on every backend, once it has been seen that it can be run on all of them."""
    from nepi.cli.repeating import check, repeat

    for name in dict.fromkeys(names):
        check(file, name)
    return [repeat(file, name, count, seed) for name in names]


def _record(rules: Rules, pairs: Sequence[Pair], everything: Sequence[Repetition]) -> dict[str, Any]:
    return {
        "repeat": rules.repeat,
        "confidence": rules.confidence,
        "tolerance": rules.tolerance.part,
        "metrics": [{"backend": pair.second, **row.to_record()} for pair in pairs for row in pair.rows],
        "repetitions": [one.to_record() for one in everything],
    }


def _list(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _backends(text: str) -> list[str]:
    from nepi.errors import UsageError

    names = _list(text)
    if len(names) < 2:
        raise UsageError(f"--backends names two backends or more, such as netns,ns3, not {text!r}")
    return names


def _tolerance(texts: Sequence[str]) -> Tolerance:
    """Return what "5%", "0.05" and "jitter_s=1ms" say.

    Raises:
        UsageError: one is not understood.
    """
    from nepi.errors import BadValueError, UsageError
    from nepi.results.comparison import Tolerance
    from nepi.units import duration_s, fraction, rate_bps

    part, parts, absolute = 0.05, {}, {}
    for text in texts:
        figure, given, amount = text.rpartition("=")
        try:
            if not given:
                part = fraction(amount)
            elif amount.endswith("%"):
                parts[figure] = fraction(amount)
            elif figure.endswith("_s"):
                absolute[figure] = duration_s(amount)
            elif figure.endswith("_bps"):
                absolute[figure] = float(rate_bps(amount))
            else:
                absolute[figure] = float(amount)
        except (BadValueError, ValueError) as error:
            raise UsageError(f"--tolerance {text}: {error}") from None
    return Tolerance(part, absolute, parts)


def _rows(first: Sequence[Repetition], second: Sequence[Repetition], rules: Rules) -> list[Compared]:
    from nepi.results.comparison import compare as compare_values
    from nepi.results.repetition import values_by_metric

    marked = [f"{one.backend}, {one.number} of {rules.repeat}" for one in (*first, *second) if one.marks]
    doubt = f"there is a warning of {'; '.join(marked)}" if marked else ""
    one, other = (values_by_metric(runs, rules.figures) for runs in (first, second))
    return compare_values(one, other, tolerance=rules.tolerance, confidence=rules.confidence, expected=rules.repeat, doubt=doubt)


def _nothing(file: Path, wanted: Sequence[str], everything: Sequence[Repetition]) -> str:
    there = sorted({metric.rpartition(" ")[2] for one in everything for metric in one.figures})
    if there:
        return f"{file} measures none of {', '.join(wanted)}; its results have {', '.join(there)}"
    return f"{file} measures nothing that can be compared: it needs a Ping or an Iperf3Client, for example"


def _write_csv(path: Path, repetitions: Sequence[Repetition]) -> None:
    from nepi.errors import RunError

    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("backend", "repetition", "seed", "metric", "value", "warned", "run"))
            for one in repetitions:
                writer.writerows((one.backend, one.number, one.seed, *item, bool(one.marks), one.run_dir) for item in one.figures.items())
    except OSError as error:
        raise RunError(f"{path} cannot be written: {error.strerror}") from None


def _show(pairs: Sequence[Pair], everything: Sequence[Repetition], repeat: int) -> None:
    for number, pair in enumerate(pairs):
        if number:
            say()
        rows = [
            (
                row.metric,
                _text(row.first, repeat),
                _text(row.second, repeat),
                _difference(row),
                _verdict(row),
            )
            for row in pair.rows
        ]
        print_table(("metric", pair.first, pair.second, "difference", "verdict"), rows)
    told = [(one, f"failed: {one.failure}") for one in everything if one.failure]
    told += [(one, what) for one in everything for what in one.marks]
    if told:
        say()
        known = [(f"{one.backend}, {one.number} of {repeat}", what) for one, what in told]
        print_table(("", ""), known, title="To be known of these runs")


def _text(one: Estimate, repeat: int) -> str:
    if one.mean is None:
        return "-"
    interval = f" ± {one.half_width:.2g}" if one.half_width is not None else ""
    count = f" ({len(one.values)} of {repeat})" if len(one.values) < repeat else ""
    return f"{one.mean:.5g}{interval}{count}"


def _difference(row: Compared) -> str:
    if row.difference is None:
        return "-"
    return f"{row.difference:+.3g}" + (f" [{row.low:+.3g}, {row.high:+.3g}]" if row.low is not None and row.high is not None else "")


def _verdict(row: Compared) -> str:
    return f"{row.verdict}: {row.why}" if row.why else row.verdict


def _clear_up(everything: Sequence[Repetition], *, discard: bool) -> None:
    """Say where the runs are, or remove those that nobody has to look at."""
    from nepi.cli.removal import remove_folder

    kept: list[Any] = []
    for one in everything:
        if discard and not one.failure and not one.marks:
            remove_folder(Path(one.run_dir))
        elif one.run_dir:
            kept.append(one.run_dir)
    if kept:
        note(f"nepi: the runs are in {', '.join(sorted({str(Path(one).parent) for one in kept}))} (nepi runs list)")
