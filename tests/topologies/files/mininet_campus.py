"""A topology as users of Mininet write it."""

from mininet.cli import CLI
from mininet.link import TCLink
from mininet.log import setLogLevel
from mininet.net import Mininet
from mininet.node import Node
from mininet.topo import Topo


class LinuxRouter(Node):
    def config(self, **params):
        super().config(**params)
        self.cmd("sysctl net.ipv4.ip_forward=1")


class Campus(Topo):
    def build(self, fast=1000):
        router = self.addNode("r0", cls=LinuxRouter, ip="10.0.0.1/24")
        switch = self.addSwitch("s1")
        first = self.addHost("h1", ip="10.0.0.2/24", defaultRoute="via 10.0.0.1")
        second = self.addHost("h2")
        self.addLink(first, switch, cls=TCLink, bw=10, delay="5ms", loss=2, max_queue_size=100, use_htb=True)
        self.addLink(second, switch, bw=fast)
        self.addLink(switch, router, intfName2="r0-eth1")
        self.addLink(second, router)


if __name__ == "__main__":
    setLogLevel("info")
    net = Mininet(topo=Campus())
    net.start()
    CLI(net)
    net.stop()
