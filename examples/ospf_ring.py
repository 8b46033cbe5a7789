"""A ring of routers finds its ways by OSPF, and finds others when a link is cut in the middle of a ping.

The routers' daemons (BIRD; `Frr` does as well, as root) are STARTED when they know all ways. Hosts get their routes from the plan.
"""

from nepi import ExperimentController

with ExperimentController("ospf-ring", backend="netns") as ec:
    routers = [ec.add("Node", name=f"r{number}") for number in range(5)]
    ring = [ec.add("Link", router, routers[(number + 1) % 5], delay="2ms") for number, router in enumerate(routers)]
    west, east = ec.add("Node", name="west"), ec.add("Node", name="east")
    ec.add("Link", west, routers[0])
    ec.add("Link", east, routers[2])
    daemons = [ec.add("Bird", router, name=f"ospf-{router.name}") for router in routers]

    all_know = daemons[0].started
    for daemon in daemons[1:]:
        all_know = all_know & daemon.started
    before = ec.add("Traceroute", west, target=east, useIP=True, queries=1, name="before")
    before.start_when(all_know)
    ping = ec.add("Ping", west, target=east, interval="50ms", count=200, name="ping")
    ping.start_when(before.finished)
    ring[1].set_when(ping.started + "6s", up=False)  # r1 - r2
    after = ec.add("Traceroute", west, target=east, useIP=True, queries=1, name="after")
    after.start_when(ping.finished)

    ec.run(deadline="60s")
    lost = ping.result.transmitted - ping.result.received
    print(f"before: {len(before.result.hops)} hops; after: {len(after.result.hops)} hops; reached: {after.result.reached}")
    print(f"{lost} of {ping.result.transmitted} pings were lost")
