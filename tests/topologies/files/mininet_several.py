"""Topologies by Mininet's own convention, for `mn --custom`."""

from mininet.topo import Topo


class Single(Topo):
    def __init__(self, hosts=2, **options):
        super().__init__(**options)
        switch = self.addSwitch("s1")
        for number in range(hosts):
            self.addLink(self.addHost(f"h{number}"), switch)


topos = {"two": lambda: Single(), "three": lambda: Single(3)}
