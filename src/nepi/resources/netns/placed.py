"""The attribute that says on which machine a node or switch is."""

from __future__ import annotations

from typing import Any

from nepi.execution.attribute import Attribute, Flags
from nepi.execution.handle import Handle


class _HostAttribute(Attribute):
    """The name of a machine's resource; a handle of it does as well."""

    def converted(self, value: Any) -> Any:
        """Return the name."""
        return super().converted(value.name if isinstance(value, Handle) else value)


def on_host() -> Attribute:
    """Declare it."""
    # Not by the name of the member: that is what applications call the place where commands run.
    return _HostAttribute("host", "Machine (a linux::Node) on which it is; this one when not set.", flags=Flags.Design)
