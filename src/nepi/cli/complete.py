"""What the shell offers on Tab: runs, resources, nodes, traces, types. A completion that fails offers nothing."""

from __future__ import annotations

import typer


def complete_runs(incomplete: str) -> list[str]:
    """Return the runs whose names begin so."""
    from nepi.cli.runs_here import open_store

    return [name for name in [*open_store().names(), "last"] if name.startswith(incomplete)]


def complete_resources(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the resources of the run that the line names."""
    from nepi.cli.runs_here import find_run
    from nepi.errors import NepiError
    from nepi.results.contents import resource_names

    try:
        names = resource_names(find_run(ctx.params.get("run") or "last").path)
    except NepiError:
        return []
    return [name for name in names.values() if name.startswith(incomplete)]


def complete_nodes(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the names of the nodes of the run that the line names."""
    from nepi.cli.runs_here import find_run
    from nepi.errors import NepiError
    from nepi.results.contents import read_description

    try:
        resources = read_description(find_run(ctx.params.get("run") or "last").path).resources
    except NepiError:
        return []
    return [one.name for one in resources if one.rtype.endswith("::Node") and one.name.startswith(incomplete)]


def complete_traces(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return the traces of the resource that the line names."""
    from nepi.cli.runs_here import find_run
    from nepi.errors import NepiError
    from nepi.results.contents import traces_of

    try:
        traces = traces_of(find_run(ctx.params.get("run") or "last").path, ctx.params.get("resource") or "")
    except NepiError:
        return []
    return [one.name for one in traces if one.name.startswith(incomplete)]


def complete_types(incomplete: str) -> list[str]:
    """Return the names of types that begin so; their colons are the shell's business."""
    from nepi.cli.types import known_types

    return [spec.rtype for spec in known_types() if spec.rtype.startswith(incomplete)]
