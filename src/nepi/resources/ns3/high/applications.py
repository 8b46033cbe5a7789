"""Applications of simulated nodes: those of `nepi.apps` whose programs there are in a simulation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from nepi.apps.catalogue import of_backend
from nepi.apps.iperf3 import Iperf3Client, Iperf3Server
from nepi.apps.ping import Ping
from nepi.errors import BadValueError
from nepi.hosts.ns3.programs.commands import read_command
from nepi.model.attributes import Reference
from nepi.model.experiment import ResourceDescription
from nepi.model.typespec import Check
from nepi.resources.ns3.entering import Entering
from nepi.resources.ns3.high.node import Node

_SOME_ADDRESS: Final = "192.0.2.1"
SIMULATED: Final = (Iperf3Client, Iperf3Server, Ping)


class _OnSimulatedNode(Entering):
    """Fails when the simulation does; time goes on when it has started."""

    async def deploy(self) -> None:
        """Join those who fail with the simulation, then do what the application does."""
        for node in self.peers(Node):
            if node.run is not None:
                node.run.join(self)
        await super().deploy()

    async def start(self) -> None:
        """Start it, then let time go on.

        Raises:
            ResourceError: the simulation is over.
        """
        runs = [node.run for node in self.peers(Node) if node.run is not None]
        for run in runs:
            run.check_not_over()
        await super().start()
        for run in runs:
            if run.over.done():  # just now
                await run.programs.interrupt_all()
            await run.go_by_itself()


def _check_of(application: type[Any]) -> Check:
    inherited: Check = application.check

    def check(one: ResourceDescription, peers: Sequence[ResourceDescription], facts: Mapping[str, Any]) -> Iterable[str]:
        mistakes = list(inherited(one, peers, facts))
        yield from mistakes
        if mistakes:
            return
        values = {name: _SOME_ADDRESS if isinstance(value, Reference) else value for name, value in one.attributes.items()}
        try:
            options = application.options.from_attributes(values)
            argv = options.argv() if hasattr(options, "argv") else [options.tool, *options.words()]
            read_command(
                [*argv, "-s"]
                if issubclass(application, Iperf3Server)
                else [*argv, options.target]
                if issubclass(application, Ping)
                else argv
            )
        except BadValueError as error:
            yield str(error)

    return check


APPLICATIONS = of_backend("ns3", __name__, _OnSimulatedNode, SIMULATED)
for _name, _application in APPLICATIONS.items():
    _application.check = staticmethod(_check_of(_application))
globals().update(APPLICATIONS)  # where the catalogue of types looks for them
