"""Networks of every technology of ns-3, each with its own nodes and its own traffic, side by side in one simulation."""

from __future__ import annotations

from typing import Any

from nepi import ExperimentController
from nepi.execution.handle import Handle

ECHOES = 3


class Side:
    """Adds networks to a simulation.

    Attributes:
        expected: clients by the name of what they test; each sends three packets and gets three.
    """

    def __init__(self, ec: ExperimentController, simulation: Handle) -> None:
        self.ec, self._simulation = ec, simulation
        self.expected: dict[str, Handle] = {}

    def node(self, x: float | None = None, y: float = 0.0, **attributes: Any) -> Handle:
        """Add a node, with a place when `x` is given."""
        node = self.ec.add("Node", self._simulation, **attributes)
        if x is not None:
            self.ec.add("ConstantPositionMobilityModel", node, Position=f"{x}:{y}:0")
        return node

    def nodes(self, *places: float) -> list[Handle]:
        """Add nodes on a line."""
        return [self.node(x) for x in places]

    def echo(self, what: str, source: Handle, target: Handle, address: str, start: str = "3s", interval: str = "1s", **more: Any) -> None:
        """Let one node send packets that the other one returns."""
        self.ec.add("UdpEchoServer", target, Port=9)
        remote = f"[{address}]:9" if ":" in address else f"{address}:9"
        values = {"Remote": remote, "MaxPackets": ECHOES, "PacketSize": 64, "StartTime": start, "Interval": interval, **more}
        client = self.ec.add("UdpEchoClient", source, name=what, **values)
        client.enable_trace("Tx")
        client.enable_trace("Rx")
        self.expected[what] = client

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return how many packets each client has sent and got."""
        return {what: (rows(client, "Tx"), rows(client, "Rx")) for what, client in self.expected.items()}

    # Cables.

    def bridged(self, bridge: str, subnet: int) -> None:
        """Two hosts on cables to a switch, which is a bridge of its two CSMA devices."""
        ec, switch = self.ec, self.node(enableStack=False)
        ports, ends = [], []
        for number in (1, 2):
            cable = ec.add("CsmaChannel", DataRate="100Mbps", Delay="10us")
            host = self.node()
            ports.append(ec.add("CsmaNetDevice", switch, cable))
            ends.append((host, ec.add("CsmaNetDevice", host, cable, ip=f"10.1.{subnet}.{number}", prefix="24")))
        ec.add(bridge, switch, *ports)
        self.echo(bridge, ends[0][0], ends[1][0], f"10.1.{subnet}.2")

    def bus(self, subnet: int) -> Handle:
        """Two nodes on one wire, with a queue discipline of their own and a routing protocol; the discipline of the first."""
        ec, wire, nodes = self.ec, self.ec.add("CsmaChannel", DataRate="100Mbps"), self.nodes(0, 1)
        devices = [ec.add("CsmaNetDevice", one, wire, ip=f"10.1.{subnet}.{n}", prefix="24") for n, one in enumerate(nodes, 1)]
        disc = ec.add("FqCoDelQueueDisc", devices[0])
        ec.add("RedQueueDisc", devices[1])
        self.echo("CsmaNetDevice", nodes[0], nodes[1], f"10.1.{subnet}.2")
        return disc

    def simple(self, subnet: int) -> None:
        """Two nodes on ns-3's plainest channel."""
        channel, nodes = self.ec.add("ErrorChannel"), self.nodes(0, 1)
        for number, node in enumerate(nodes, 1):
            self.ec.add("SimpleNetDevice", node, channel, ip=f"10.1.{subnet}.{number}", prefix="24")
        self.echo("SimpleNetDevice", nodes[0], nodes[1], f"10.1.{subnet}.2")

    # Radios.

    def air(self, kind: str = "YansWifiChannel", *losses: str) -> Handle:
        """A channel of radios, with what happens to signals."""
        air = self.ec.add(kind)
        for model in ("ConstantSpeedPropagationDelayModel", *(losses or ("LogDistancePropagationLossModel",))):
            self.ec.add(model, air)
        return air

    def wifi(self, what: str, phy: str, channel: str, subnet: int) -> list[Handle]:
        """Two nodes in a Wi-Fi network without an access point; their devices."""
        ec, nodes = self.ec, self.nodes(0, 10)
        air = self.air(channel, "LogDistancePropagationLossModel", "RangePropagationLossModel")
        devices = []
        for number, node in enumerate(nodes, 1):
            layer = ec.add(phy, air, Standard="802.11n")
            devices.append(ec.add("WifiNetDevice", node, layer, ip=f"10.2.{subnet}.{number}", prefix="24"))
            ec.add("ThresholdPreambleDetectionModel", layer, MinimumRssi=-90)
            ec.add("HtConfiguration", devices[-1], ShortGuardIntervalSupported=True)
        self.echo(what, nodes[0], nodes[1], f"10.2.{subnet}.2")
        return devices

    def mesh(self, what: str, stack: str, subnet: int) -> None:
        """Three mesh points in a line."""
        nodes, air = self.nodes(0, 50, 100), self.air()
        for number, node in enumerate(nodes, 1):
            layer = self.ec.add("YansWifiPhy", air)
            device = self.ec.add("MeshPointDevice", node, layer, ip=f"10.2.{subnet}.{number}", prefix="24", name=f"{what}-{number}")
            self.ec.add(stack, device)
            if stack == "Dot11sStack":
                self.ec.add("ns3::dot11s::HwmpProtocol", device, MaxQueueSize=100)
        self.echo(what, nodes[0], nodes[2], f"10.2.{subnet}.3")

    def low_power(self, what: str, channel: str, pan: int) -> list[Handle]:
        """Two sensors with IPv6; their radios."""
        nodes, air, radios = self.nodes(0, 10), self.air(channel), []
        for number, node in enumerate(nodes, 1):
            radio = self.ec.add("ns3::lrwpan::LrWpanNetDevice", node, air, panId=pan)
            self.ec.add("SixLowPanNetDevice", node, radio, ip=f"2001:db8:{pan}::{number}", prefix="64")
            radios.append(radio)
        self.echo(what, nodes[0], nodes[1], f"2001:db8:{pan}::2", start="5s")
        return radios

    def underwater(self) -> None:
        """Two modems under water, which is slow."""
        nodes, sea = self.nodes(0, 100), self.ec.add("UanChannel")
        self.ec.add("UanPropModelThorp", sea)
        for number, node in enumerate(nodes, 1):
            modem = self.ec.add("UanNetDevice", node, sea, ip=f"10.5.0.{number}", prefix="24")
            self.ec.add("UanMacAloha", modem)
            self.ec.add("UanPhyGen", modem, TxPower=195.0)
        self.echo("UanNetDevice", nodes[0], nodes[1], "10.5.0.2", interval="30s")

    def metropolitan(self, what: str, flow: str) -> None:
        """A base station of WiMAX and two subscribers, one of which sends to the other."""
        nodes, air = self.nodes(0, 50, 100), self.ec.add("SimpleOfdmWimaxChannel")
        self.ec.add("BaseStationNetDevice", nodes[0], air, ip="10.3.0.1", prefix="24")
        for number, node in enumerate(nodes[1:], 2):
            self.ec.add("SubscriberStationNetDevice", node, air, ip=f"10.3.0.{number}", prefix="24", serviceFlow=flow)
        self.echo(what, nodes[1], nodes[2], "10.3.0.3")

    def cellular(self) -> None:
        """Two cells with a core network, a phone in each, and a server behind the core."""
        ec = self.ec
        lte = ec.add("LteHelper")
        ec.add("PointToPointEpcHelper", self._simulation, lte, name="core")
        ec.add("RrFfMacScheduler", lte)
        ec.add("A3RsrpHandoverAlgorithm", lte, Hysteresis=2.0)
        ec.add("LogDistancePropagationLossModel", lte, Exponent=2.5)
        for x in (0, 500):
            cell = ec.add("LteEnbNetDevice", self.node(x), lte, name=f"cell-{x}")
            ec.add("LteEnbPhy", cell, TxPower=35.0)
        phones = self.nodes(50, 450)
        for phone in phones:
            ec.add("LteUeNetDevice", phone, lte, bearer="GBR_CONV_VOICE")
        server, cable = self.node(), ec.add("PointToPointChannel", Delay="10ms")
        ec.add("PointToPointNetDevice", "core", cable, ip="10.4.0.1", prefix="24")
        ec.add("PointToPointNetDevice", server, cable, ip="10.4.0.2", prefix="24")
        ec.add("ns3::Route", server, network="7.0.0.0", prefix="8", nexthop="10.4.0.1")
        self.echo("LteUeNetDevice", phones[0], server, "10.4.0.2")
        self.echo("phone-to-phone", phones[0], phones[1], "7.0.0.3")

    # What is not a technology, but changes what happens.

    def routed(self, protocol: str, subnet: int) -> None:
        """Three nodes in a line, of which the outer ones hear only the middle; only a routing protocol knows the way."""
        ec, air = self.ec, self.air("YansWifiChannel", "RangePropagationLossModel")
        nodes = [self.node(x, routing="none") for x in (0, 200, 400)]
        for number, node in enumerate(nodes, 1):
            layer = ec.add("YansWifiPhy", air, Standard="802.11b")
            device = ec.add("WifiNetDevice", node, layer, ip=f"10.6.{subnet}.{number}", prefix="24")
            ec.add("ConstantRateWifiManager", device, DataMode="DsssRate1Mbps", ControlMode="DsssRate1Mbps")
            ec.add(protocol, node)
        self.echo(protocol.replace("::", "."), nodes[0], nodes[2], f"10.6.{subnet}.3", start="40s")

    def wired_routed(self, protocol: str, subnet: int) -> None:
        """The same on two cables."""
        ec, nodes = self.ec, [self.node(routing="none") for _ in range(3)]
        for number, pair in enumerate((nodes[:2], nodes[1:])):
            cable = ec.add("PointToPointChannel", Delay="1ms")
            for end, node in enumerate(pair, 1):
                ec.add("PointToPointNetDevice", node, cable, DataRate="10Mbps", ip=f"10.7.{subnet + number}.{end}", prefix="24")
        for node in nodes:
            ec.add(protocol, node)
        self.echo(protocol, nodes[0], nodes[2], f"10.7.{subnet + 1}.2", start="40s")

    def packets(self) -> Handle:
        """Packets without IP on ns-3's ideal radio; the receiver."""
        ec, air, nodes = self.ec, self.air("SingleModelSpectrumChannel", "FriisPropagationLossModel"), self.nodes(0, 5)
        radios = [ec.add("AlohaNoackNetDevice", node, air) for node in nodes]
        phy = ec.add("HalfDuplexIdealPhy", radios[0], Rate="2Mbps")
        ec.add("IsotropicAntennaModel", phy, Gain=3.0)
        ec.add("PacketSocketClient", nodes[0], *radios, MaxPackets=5, Interval="1s", StartTime="1s")
        server = ec.add("PacketSocketServer", nodes[1], radios[1])
        server.enable_trace("Rx")
        return server

    def leased(self) -> None:
        """A host that asks for its address, and then sends."""
        ec, wire, nodes = self.ec, self.ec.add("CsmaChannel", DataRate="100Mbps"), [self.node(), self.node()]
        ec.add("CsmaNetDevice", nodes[0], wire, ip="10.8.0.1", prefix="24")
        lease = ec.add("CsmaNetDevice", nodes[1], wire)
        server = ec.add("DhcpServer", nodes[0], PoolAddresses="10.8.0.0", PoolMask="/24", Gateway="10.8.0.1")
        server.set(FirstAddress="10.8.0.10", LastAddress="10.8.0.20")
        client = ec.add("DhcpClient", nodes[1], lease, StartTime="1s")
        client.enable_trace("NewLease")
        self.lease = client
        self.echo("DhcpClient", nodes[1], nodes[0], "10.8.0.1", start="20s")

    def advertised(self) -> None:
        """A router that tells its network, and a host that makes its address of that."""
        ec, wire, nodes = self.ec, self.ec.add("CsmaChannel", DataRate="100Mbps"), [self.node(), self.node()]
        router = ec.add("CsmaNetDevice", nodes[0], wire, ip="2001:db8:99::1", prefix="64")
        ec.add("CsmaNetDevice", nodes[1], wire)
        ec.add("Radvd", nodes[0], router, network="2001:db8:99::/64")
        self.echo("Radvd", nodes[1], nodes[0], "2001:db8:99::1", start="20s")

    def battery(self) -> Handle:
        """A Wi-Fi device with a battery that the sun charges."""
        ec, node, air = self.ec, self.node(0), self.air()
        layer = ec.add("YansWifiPhy", air)
        device = ec.add("WifiNetDevice", node, layer, ip="10.9.0.1", prefix="24")
        source = ec.add("ns3::energy::BasicEnergySource", node, BasicEnergySourceInitialEnergyJ=200.0)
        ec.add("WifiRadioEnergyModel", device, source)
        ec.add("ns3::energy::BasicEnergyHarvester", source)
        source.enable_trace("RemainingEnergy")
        return source

    def placed(self) -> list[Handle]:
        """Nodes that move along points, at random between places, and within bounds; what tells of their moves."""
        ec = self.ec
        nodes = [self.node() for _ in range(3)]
        points = ec.add("WaypointMobilityModel", nodes[0], waypoints="0 0:0:0, 10 100:0:0, 20 100:50:0")
        places = ec.add("ListPositionAllocator", positions="0:0:0, 10:10:0, 20:0:0")
        wanderer = ec.add("RandomWaypointMobilityModel", nodes[1], places, Speed="ns3::ConstantRandomVariable[Constant=2]")
        start = ec.add("GridPositionAllocator", MinX=5.0, MinY=5.0)
        walker = ec.add("RandomWalk2dMobilityModel", nodes[2], start, Bounds="0|50|0|50", Time="5s", Mode="Time")
        ec.add("Building", self._simulation, Boundaries="0|10|0|10|0|6")
        for model in (points, wanderer, walker):
            model.enable_trace("CourseChange")
        return [points, wanderer, walker]

    def pages(self) -> Handle:
        """A browser and a server of pages, over BBR; and a bulk transfer beside them. The browser."""
        ec, nodes, cable = self.ec, [self.node(), self.node()], self.ec.add("PointToPointChannel", Delay="5ms")
        for number, node in enumerate(nodes, 1):
            ec.add("PointToPointNetDevice", node, cable, DataRate="10Mbps", ip=f"10.10.0.{number}", prefix="24")
            ec.add("TcpL4Protocol", node, SocketType="ns3::TcpBbr")
        ec.add("ThreeGppHttpServer", nodes[0], LocalAddress="10.10.0.1")
        browser = ec.add("ThreeGppHttpClient", nodes[1], RemoteServerAddress="10.10.0.1", StartTime="1s")
        browser.enable_trace("RxPage")
        ec.add("PacketSink", nodes[0], Local="0.0.0.0:9", Protocol="ns3::TcpSocketFactory")
        ec.add("BulkSendApplication", nodes[1], Remote="10.10.0.1:9", MaxBytes=100_000, Protocol="ns3::TcpSocketFactory", StartTime="1s")
        ec.add("ns3::V4Ping", nodes[0], Destination="10.10.0.2", Count=3)
        return browser


def rows(resource: Handle, trace: str) -> int:
    """Return how often a trace has fired."""
    return len((resource.trace(trace) or "\n").splitlines()) - 1
