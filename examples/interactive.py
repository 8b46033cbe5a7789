"""An experiment that grows while it runs, as at a Python prompt: add, deploy, look, change, release a part, go on.

Try it line by line: python3 -i examples/interactive.py
"""

from nepi import ExperimentController

ec = ExperimentController("interactive", backend="netns")

a, b = ec.add("Node", name="a"), ec.add("Node", name="b")
link = ec.add("Link", a, b, rate="10Mbit")
ec.deploy()
ec.wait_started([a, b, link])

# Commands run on a node at any time.
print(ec.exec(a, ["ping", "-c1", "-q", "b"]).stdout.decode().splitlines()[-2])

# Attributes of what is running take effect at once.
link.set(rate="5Mbit", mtu=1400)

# More can be added, connected and deployed.
c = ec.add("Node", name="c")
ec.add("Link", b, c)
route = ec.add("IPv4Route", a, network="default", nexthop=b)
back = ec.add("IPv4Route", c, network="default", nexthop=b)
ping = ec.add("Ping", a, target=c, count=2, interval="10ms")
ec.deploy()
ec.wait_for(ping.finished, deadline="20s")
print("c through b:", ping.result.received, "of", ping.result.transmitted)

# And a part of it can be given back; what needs it goes with it.
ec.release([c])
print([f"{ec.resource(guid).name}: {ec.state(guid, hr=True)}" for guid in (a, b, c)])

ec.shutdown()
