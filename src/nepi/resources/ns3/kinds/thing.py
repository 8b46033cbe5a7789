"""What all types of the catalogue have in common beyond being objects: they know whom they fit, and what C++ their kind needs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation
from nepi.model.typespec import Check
from nepi.resources.ns3.blueprint import Phase
from nepi.resources.ns3.catalogue import catalogue
from nepi.resources.ns3.kinds.fitting import fitting
from nepi.resources.ns3.object import Ns3Object


def is_a(typeid: str, ancestor: str) -> bool:
    """Whether a TypeId is another one or one of its heirs."""
    return catalogue().is_a(typeid, ancestor)


class Thing(Ns3Object):
    """An object of a type of the catalogue.

    Attributes:
        header: the C++ of its kind, compiled when the first of the kind is built; "" when what is always there suffices.
        uses_stack: whether a node that it is connected to gets an IP stack for it.
    """

    header: ClassVar[str] = ""
    uses_stack: ClassVar[bool] = False
    check: ClassVar[Check | None] = staticmethod(fitting)

    def blueprint(self, phase: Phase) -> list[Operation]:
        """Have the C++ of its kind compiled before it is created."""
        wanted = super().blueprint(phase)
        return [protocol.load(self.header), *wanted] if phase is Phase.CREATE and self.header else wanted

    def addresses(self) -> list[str]:
        """Return its addresses with prefixes."""
        return []

    def around(self, *ancestors: str) -> Iterator[Ns3Object]:
        """Yield what it is connected to of these types, in the order in which it was connected."""
        for one in self.get_connected(Ns3Object):
            if one.typeid and any(is_a(one.typeid, ancestor) for ancestor in ancestors):
                yield one

    def first(self, *ancestors: str) -> Ns3Object | None:
        """Return the first of these; None when there is none."""
        return next(self.around(*ancestors), None)

    def guid_of(self, *ancestors: str) -> int | None:
        """Return the number of the first of these."""
        found = self.first(*ancestors)
        return found.guid if found is not None else None
