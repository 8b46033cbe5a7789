"""What links can be where they are: what all machines that they touch can do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nepi.hosts.namespace_facts import NamespaceFacts
from nepi.resources.netns.facts import facts_for_plan, probe
from nepi.resources.netns.run import NamespaceRun


def facts_of(runs: Sequence[NamespaceRun]) -> dict[str, Any]:
    """Return the facts, as planning has them, that hold on all machines of some runs."""
    first, *others = [_facts(run) for run in dict.fromkeys(runs)]
    for other in others:
        first = {
            **first,
            "features": {name: has and other["features"].get(name, False) for name, has in first["features"].items()},
            "userspace_links": min((first["userspace_links"], other["userspace_links"]), key=_ability),
        }
    return first


def _facts(run: NamespaceRun) -> dict[str, Any]:
    if not run.machine:
        return probe()
    from nepi.hosts.remote_agent.session import RemoteNamespaceSession  # not where all is on this machine

    session = run.session
    if isinstance(session, RemoteNamespaceSession):
        return facts_for_plan(NamespaceFacts.from_json({**session.facts, "usable": session.facts["error"] is None, "missing": ()}))
    return probe()


def _ability(found: dict[str, Any]) -> float:
    """Order what links in user space can do: none at all is least."""
    return float(found.get("packets_per_s") or 0) if found["available"] else -1.0
