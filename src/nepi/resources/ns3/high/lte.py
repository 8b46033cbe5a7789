"""ns3::LteNetwork: cells, the network behind them, and phones, which are stations on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Interface, ip_interface
from typing import Any, ClassVar, Final

from nepi.errors import BadValueError
from nepi.execution.attribute import Attribute, Flags
from nepi.execution.trace import Trace
from nepi.hosts.ns3 import protocol
from nepi.hosts.ns3.protocol import Operation, ref
from nepi.model.experiment import ResourceDescription
from nepi.model.states import ENDED
from nepi.model.typespec import Check
from nepi.plan.result import InterfacePlan
from nepi.resources.ns3.high.cells import CellRow, parse_cell_rows, parse_cells
from nepi.resources.ns3.high.network import Medium, Station
from nepi.resources.ns3.simulation_run import SimulationRun

BANDWIDTHS: Final = (6, 15, 25, 50, 75, 100)
SCHEDULERS: Final = ("Pf", "Rr", "FdMt", "TdMt", "Tta", "FdBet", "TdBet", "FdTbfq", "TdTbfq", "Pss", "Cqa")
HANDOVERS: Final = {"none": "NoOp", "A3RSRP": "A3Rsrp", "A2A4": "A2A4Rsrq"}
PATHLOSSES: Final = ("LogDistance", "Friis", "Cost231", "OkumuraHata")
MOST_PHONES: Final = 280
"""ns-3 has 320 turns for a cell's phones to be sounded; some are kept for phones that come back."""
DEFAULT_EXPONENT: Final = 3.0
QUEUE_BYTES_PER_BLOCK: Final = 9_200
"""What a resource block carries in 100 ms at best: that much may wait for the air."""
EDGE_MAC: Final = "02:00:00:4c:54:45"
"""Of the core's end of its wire to the gateway, on which nobody else is."""


def check_lte(one: ResourceDescription, peers: Sequence[ResourceDescription], _facts: Mapping[str, Any]) -> Iterable[str]:
    """Find what an LTE network cannot be."""
    values = one.attributes
    try:
        cells = parse_cells(values.get("cells") or "0,0")
    except BadValueError as error:
        cells = ()
        yield str(error)
    if len(cells) == 1 and values.get("handover", "none") != "none":
        yield "handover needs more than one cell: add some to cells, or take it away"
    if values.get("exponent") and values.get("pathloss", PATHLOSSES[0]) != PATHLOSSES[0]:
        yield f"exponent is one of pathloss {PATHLOSSES[0]}: take one of the two away"
    stations = [peer for peer in peers if peer.rtype == "ns3::Station"]
    if any(peer.rtype == "hybrid::Station" for peer in peers):
        yield "phones and the gateway are simulated nodes: join computers outside of the simulation with a hybrid::Link to the gateway"
    gateways = sum(bool(peer.attributes.get("accessPoint")) for peer in stations)
    if stations and gateways != 1:
        yield f"an LTE network has one gateway, a station that is an accessPoint; here are {gateways}"
    if len(stations) - gateways > MOST_PHONES:
        yield f"an LTE network has at most {MOST_PHONES} phones, not {len(stations) - gateways}"


class LteNetwork(Medium, rtype="ns3::LteNetwork"):
    """LTE: cells, and a core network that nobody sees. Its stations are phones, but for one, the `accessPoint`: the gateway to all else.

    A phone joins the nearest cell when time begins, within some 20 ms. What lies behind a phone is not reached.
    """

    check: ClassVar[Check | None] = staticmethod(check_lte)

    cells = Attribute.string("0,0", help="Where its base stations are, in metres: 'x,y x,y,z ...'.", flags=Flags.Design)
    bandwidth = Attribute.choice(BANDWIDTHS, 25, help="Resource blocks each way: 25 are 5 MHz.", flags=Flags.Design)
    scheduler = Attribute.choice(SCHEDULERS, "Pf", help="Who gets them: ns-3's PfFfMacScheduler, RrFf...", flags=Flags.Design)
    pathloss = Attribute.choice(PATHLOSSES, PATHLOSSES[0], help="How radio waves fade with distance.", flags=Flags.Design)
    exponent = Attribute.number(help="Of the loss with distance, which is 39 dB at 1 m; 3 when not set.", range=(1, 10), flags=Flags.Design)
    txPower = Attribute.number(
        43.0, help="dBm with which base stations send; phones send with 23 at most.", range=(0, 60), flags=Flags.Design
    )
    handover = Attribute.choice(
        tuple(HANDOVERS), "none", help="What lets a phone change its cell: nothing, or one of ns-3's algorithms.", flags=Flags.Design
    )
    cellRows = Trace("cells", "When each phone came into which cell, as rows.", enabled=True)

    _first_cell: int = 1
    _phones: dict[int, tuple[Station, InterfacePlan]]
    _is_made: bool = False

    async def deploy(self) -> None:
        """Make the cells; stations come after them."""
        self._phones = {}
        run = await self.joined()
        answers = await run.ask(*self.making(), protocol.static("nepi::FirstCell", ref(self.guid)))
        self._first_cell = answers[-1]
        self.set_ready()

    def making(self) -> list[Operation]:
        """Return the operations that make it, under its guid."""
        pathloss, blocks = self.get("pathloss"), int(self.get("bandwidth"))
        exponent = float(self.get("exponent") or DEFAULT_EXPONENT) if pathloss == PATHLOSSES[0] else 0.0
        phones = len(self.peers(Station))
        words = (f"ns3::{self.get('scheduler')}FfMacScheduler", blocks, f"ns3::{HANDOVERS[self.get('handover')]}HandoverAlgorithm")
        made = [
            protocol.load("shared_lte.h"),
            protocol.load("lte.h"),
            protocol.check("nepi::ChoosePathloss", f"ns3::{pathloss}PropagationLossModel", exponent),
            protocol.static("nepi::MakeLte", *words, blocks * QUEUE_BYTES_PER_BLOCK, phones, store=self.guid),
            protocol.invoke(self.guid, "SetPower", float(self.get("txPower"))),
        ]
        if self.trace_enabled("cells"):
            path = self.trace_path("cells")
            path.parent.mkdir(parents=True, exist_ok=True)
            made.append(protocol.check("nepi::RecordCells", ref(self.guid), str(path.absolute())))
        for number, cell in enumerate(parse_cells(self.get("cells"))):
            stream = SimulationRun.stream_of(self.guid) + 2 * number
            made.append(protocol.static("nepi::AddCell", ref(self.guid), cell.x, cell.y, cell.z, stream))
        return made

    async def add(self, station: Station, end: InterfacePlan) -> None:
        """Take a station. All are made together, when the last has come: numbers that ns-3 gives must not depend on who came first."""
        self._phones[station.guid] = (station, end)
        expected = (one for one in self.peers(Station) if one.state not in ENDED)
        if self._is_made or all(one.guid in self._phones for one in expected):
            await self._make_stations()

    async def start(self) -> None:
        """Make the stations that are there, if some are missing."""
        await self._make_stations()
        self.set_started()

    async def _make_stations(self) -> None:
        self._is_made = True
        waiting, self._phones = sorted(self._phones.items()), {}
        gateways = [one for _, one in waiting if one[0].get("accessPoint")]
        phones = [one for _, one in waiting if not one[0].get("accessPoint")]
        for station, end in gateways:
            await self._make_gateway(station, end)
        for station, end in phones:
            await self._make_phone(station, end)
        assert self.run is not None
        if phones:
            await self.run.ask(*(protocol.static("nepi::AttachPhone", ref(self.guid), ref(station.guid)) for station, _ in phones))

    async def _make_gateway(self, station: Station, end: InterfacePlan) -> None:
        """Make the wire between the gateway and the core, which is the neighbour of the former that all phones are behind."""
        assert self.run is not None
        macs = (end.mac, EDGE_MAC, station.mtu_bytes)
        await self.run.ask(protocol.static("nepi::AddGateway", ref(self.guid), ref(end.node), *macs, store=station.guid))
        behind_core = tuple((address, EDGE_MAC) for address, _ in end.neighbours)
        await self.run.furnishing.furnish(dataclasses.replace(end, neighbours=behind_core), station.guid)
        for text in (*end.addresses, *end.given):
            address = ip_interface(text)
            function = "nepi::RouteFour" if isinstance(address, IPv4Interface) else "nepi::RouteSix"
            network = (str(address.network.network_address), address.network.prefixlen)
            await self.run.ask(protocol.static(function, ref(self.guid), *network, str(address.ip), end.mac))

    async def _make_phone(self, station: Station, end: InterfacePlan) -> None:
        assert self.run is not None
        name, stream = self.ec.resource(end.node).name, SimulationRun.stream_of(station.guid)
        making = protocol.static("nepi::AddPhone", ref(self.guid), ref(end.node), name, station.mtu_bytes, stream, store=station.guid)
        await self.run.ask(making)
        await self.run.furnishing.furnish(end, station.guid)

    @property
    def result(self) -> tuple[CellRow, ...] | None:
        """When each phone came into which cell; None when that was not recorded."""
        path = self.trace_path("cells")
        return parse_cell_rows(path.read_text(encoding="utf-8"), self._first_cell) if path.exists() else None
