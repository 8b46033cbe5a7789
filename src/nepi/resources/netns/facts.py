"""What this machine has for the namespace backend, as planning asks for it."""

from __future__ import annotations

import functools
from typing import Any, Final

from nepi.execution.process_identity import boot_id
from nepi.hosts.namespace_facts import NamespaceFacts
from nepi.hosts.namespace_facts import probe as probe_host

BRIDGE_PORTS: Final = 1023


def probe() -> dict[str, Any]:
    """Return the facts; what the kernel can do is found out once. Programs are asked for by name, with `missing_tools`."""
    return dict(_kernel(boot_id()))


@functools.lru_cache(maxsize=1)
def _kernel(_boot: str) -> dict[str, Any]:
    return facts_for_plan(probe_host())


def facts_for_plan(facts: NamespaceFacts) -> dict[str, Any]:
    """Return what planning asks for, of what a machine has."""
    if not facts.usable:
        return {"unusable": facts.advice()[0], "features": {}}
    return {
        "features": {name: name in facts.qdiscs for name in ("tbf", "netem", "fq_codel", "red")},
        "bridge_ports": BRIDGE_PORTS,
        "nodes": facts.most_nodes,
        "rootless": facts.rootless,
        "userspace_links": facts.userspace_links,
        **_neighbour_table(facts),
    }


def _neighbour_table(facts: NamespaceFacts) -> dict[str, int]:
    text = next((value for name, value in facts.settings.items() if name.endswith("gc_thresh3") and value), None)
    return {"neighbour_table": int(text)} if text else {}
