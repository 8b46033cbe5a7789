"""Stress: load on processors and memory, by stress-ng, to see what it does to an experiment. Source: stress-ng(1), 0.15."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import ClassVar, Final

from nepi.apps.option_kinds import Seconds, Size, Whole
from nepi.apps.options import CommandOptions, option
from nepi.apps.output_text import decode, ended_lines
from nepi.apps.tool_application import ToolApplication


@dataclass(frozen=True, slots=True, kw_only=True)
class StressOptions(CommandOptions):
    """What load is made. Processors belong to the machine: nodes on one machine share them."""

    tool: ClassVar[str] = "stress-ng"

    cpu: int | None = field(default=None, metadata=option("cpu", "--cpu", Whole(1, 1024), "Processes that compute."))
    cpu_load: int | None = field(
        default=None, metadata=option("cpuLoad", "--cpu-load", Whole(1, 100), "Percent of a processor that each of them takes.")
    )
    memory: int | None = field(default=None, metadata=option("memory", "--vm", Whole(1, 1024), "Processes that write to memory."))
    memory_bytes: int | None = field(
        default=None, metadata=option("memoryBytes", "--vm-bytes", Size(4096, 2**40), "Memory of all of them together.")
    )
    io: int | None = field(default=None, metadata=option("io", "--io", Whole(1, 1024), "Processes that have the disks written out."))
    duration_s: float | None = field(
        default=None, metadata=option("duration", "--timeout", Seconds(1, 10**6, whole=True), "How long; until it is stopped unless told.")
    )

    def conflicts(self) -> list[str]:
        """Say so when there is nothing to do."""
        mistakes = [] if self.cpu or self.memory or self.io else ["cpu, memory, io: set one of them at least, to say what load"]
        lonely = {"cpuLoad: needs cpu": self.cpu_load and not self.cpu, "memoryBytes: needs memory": self.memory_bytes and not self.memory}
        return mistakes + [text for text, wrong in lonely.items() if wrong]

    def argv(self) -> list[str]:
        """Return the command line; without a duration it goes on, where stress-ng alone would end after a day."""
        endless = ["--timeout", "0"] if self.duration_s is None else []
        return [self.tool, "--metrics-brief", *self.words(), *endless]


@dataclass(frozen=True, slots=True)
class StressRow:
    """What one kind of load has done: operations (of its own measure), and the time that it took on processors."""

    kind: str
    operations: int
    real_s: float
    user_s: float
    system_s: float
    operations_per_s: float


@dataclass(frozen=True, slots=True)
class StressResult:
    """The kinds of load, each with what it has done; empty until stress-ng has ended by itself, by SIGINT or by SIGTERM."""

    rows: tuple[StressRow, ...] = ()


_ROW: Final = re.compile(r"stress-ng: metrc: \[\d+\] (\S+) +(\d+) +(\d+\.\d+) +(\d+\.\d+) +(\d+\.\d+) +(\d+\.\d+) +\d+\.\d+.*", re.ASCII)


def parse_stress(output: bytes | str) -> StressResult:
    """Return what stress-ng says that it has done; other lines (its log) are left out."""
    rows = []
    for _, line in ended_lines(decode(output, "stress-ng")):
        if match := _ROW.fullmatch(line):
            kind, operations, *times = match.groups()
            real_s, user_s, system_s, per_s = map(float, times)
            rows.append(StressRow(kind, int(operations), real_s, user_s, system_s, per_s))
    return StressResult(tuple(rows))


class Stress(ToolApplication[StressResult]):
    """Makes load for `duration`, or until it is stopped."""

    options = StressOptions

    def read_result(self, stdout: bytes) -> StressResult:
        """Return what it has done; it says so on either output, by its version."""
        said = b"" if self.words_path == self.trace_path("stdout") else self._said()
        return parse_stress(stdout + said)

    def _said(self) -> bytes:
        return self.words_path.read_bytes()[self.words_offset :] if self.words_path.exists() else b""

    def measured(self) -> list[tuple[str, str, str]]:
        """Return rows (what, asked, measured) for the run's table."""
        rows = self.result.rows if self.result is not None else ()
        return [(f"load {row.kind}", "-", f"{row.user_s + row.system_s:.3g} s of processor in {row.real_s:.3g} s") for row in rows]
