"""Resource managers of one's own: a beacon that sends a packet at an interval, once written from nothing, once as an application.

The verbs do the work; the framework does states, times, failures, order, journal and release.
"""

from nepi import Attribute, ExperimentController, ResourceManager, ResourceState
from nepi.apps.application import Application
from nepi.hosts.roles import HostNode

READY = ResourceState.READY

BEACON = """
import socket, sys, time
to, interval_s = sys.argv[1], float(sys.argv[2])
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
while True:
    sender.sendto(b"beacon", (to, 9999))
    print("sent", flush=True)
    time.sleep(interval_s)
"""


class Beacon(ResourceManager, rtype="demo::Beacon"):
    """A packet every `interval` from the connected node."""

    needs = {HostNode: READY}
    service = True
    target = Attribute.string(help="Where the packets go.")
    interval = Attribute.duration("100ms", help="Time between packets.")

    async def start(self) -> None:
        """Start the program; the framework has seen to it that the node is up."""
        argv = ["python3", "-c", BEACON, self.resolved("target"), str(self.interval)]
        self.process = await self.peer(HostNode).host.start(argv, stdout=self.trace_path("stdout"))
        self.set_started()

    async def stop(self) -> None:
        """End the program and everything that it started."""
        await self.process.stop()


class ShortBeacon(Application, rtype="demo::ShortBeacon"):
    """The same as an application: it brings traces, exit status, stop and release along."""

    service = True
    target = Attribute.string(help="Where the packets go.")
    interval = Attribute.duration("100ms", help="Time between packets.")

    def argv(self) -> list[str]:
        """Return the command."""
        return ["python3", "-c", BEACON, self.resolved("target"), str(self.interval)]


with ExperimentController("own-resource", backend="netns") as ec:
    a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
    ec.add("Link", a, b)
    beacons = [ec.add("demo::Beacon", a, target=b, interval="20ms"), ec.add("demo::ShortBeacon", a, target=b, interval="20ms")]
    dump = ec.add("Tcpdump", b, i="eth0", expression="udp port 9999", c=20)
    for beacon in beacons:
        beacon.start_when(dump.started)
    ec.deploy()
    ec.wait_for(dump.finished, deadline="20s")
    print(dump.result.captured_packets, "beacons captured")
    for beacon in beacons:
        print(beacon.name, beacon.trace().splitlines()[0])
