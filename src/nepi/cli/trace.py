"""`nepi trace RUN RESOURCE [TRACE]`: what a resource recorded, byte for byte; or which traces it has."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from nepi.cli.complete import complete_resources, complete_runs, complete_traces
from nepi.cli.console import print_json, print_table, say
from nepi.cli.runs_here import find_run, open_store
from nepi.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from nepi.results.contents import TraceFile
    from nepi.results.store import Run


def trace(
    run: Annotated[str, typer.Argument(metavar="RUN", help="The run.", autocompletion=complete_runs)],
    resource: Annotated[
        str, typer.Argument(metavar="RESOURCE", help="The resource; without it, all of them.", autocompletion=complete_resources)
    ] = "",
    trace_: Annotated[
        str, typer.Argument(metavar="TRACE", help="The trace; without it, its traces are listed.", autocompletion=complete_traces)
    ] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run is over.")] = False,
    path: Annotated[bool, typer.Option("--path", help="Write the path of its file instead.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Write the list as JSON.")] = False,
) -> None:
    """Write a trace, byte for byte, or list traces.

    It goes to standard output exactly as it was recorded. Without TRACE, the traces and their sizes are listed.
    """
    from nepi.results.contents import trace_named

    found = find_run(run)
    if not trace_:
        if follow or path:
            raise UsageError("--follow and --path need RESOURCE and TRACE")
        _list(_traces(found, resource), json)
    elif path:
        say(str(trace_named(found.path, resource, trace_).path))
    else:
        _write(_file_of(found, resource, trace_, follow), found, follow)


def _traces(run: Run, resource: str) -> list[TraceFile]:
    from nepi.results.contents import resources_with_traces, traces_of

    names = [resource] if resource else resources_with_traces(run.path)
    return [one for name in names for one in traces_of(run.path, name)]


def _list(traces: list[TraceFile], json: bool) -> None:
    if json:
        print_json([{"resource": one.resource, "trace": one.name, "bytes": one.size_bytes, "path": str(one.path)} for one in traces])
    elif traces:
        print_table(("resource", "trace", "bytes"), [(one.resource, one.name, str(one.size_bytes)) for one in traces])
    else:
        say("Nothing was recorded.")


def _file_of(run: Run, resource: str, trace: str, follow: bool) -> Path:
    """Return the file of a trace; when it is followed, it may come later, but the resource must exist."""
    from nepi.execution.rundir import RunDir
    from nepi.results.contents import trace_named, traces_of
    from nepi.results.store import RunState

    if follow and run.state == RunState.RUNNING:
        traces_of(run.path, resource)
        return RunDir(run.path).trace(resource, trace)
    return trace_named(run.path, resource, trace).path


def _write(file: Path, run: Run, follow: bool) -> None:
    from nepi.cli.following import chunks
    from nepi.results.store import RunState

    store = open_store()

    def over() -> bool:
        return store.read(run.path).state not in (RunState.RUNNING, RunState.KEPT)

    out = sys.stdout.buffer
    for data in chunks(file, over if follow else None):
        out.write(data)
        out.flush()
