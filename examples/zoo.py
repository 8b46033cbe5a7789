"""A backbone between 38 cities, read from a GraphML file: speeds, places and so the ways of least delay are the file's.

    nepi plot topology examples/data/europe.graphml     # draws it

Everything is slower by a factor of 1,000, so that it fits into one computer. Static routes take the ways of least delay; when a cable
between Frankfurt and Hamburg is cut they do not change, so packets over it are lost until it is mended.
"""

from pathlib import Path

from nepi import ExperimentController, Topology

europe = Topology.load(Path(__file__).parent / "data" / "europe.graphml")
europe = europe.with_delay_as_weight().with_rate_factor(1 / 1000)

with ExperimentController("zoo", backend="netns") as ec:
    net = ec.build(europe)
    lisbon, oslo = net.node("Lisbon"), net.node("Oslo")
    ping = ec.add("Ping", lisbon, target=oslo, count=5, interval="100ms", name="ping")
    transfer, _ = ec.iperf3(net.node("Athens"), net.node("Dublin"), duration="2s", name="transfer")
    transfer.start_when(ping.finished)
    cut = ec.add("Ping", net.node("Geneva"), target=net.node("Hamburg"), count=20, interval="100ms", expectedStatus="0,1", name="cut")
    cut.start_when(transfer.finished)
    cable = net.link("Frankfurt", "Hamburg")
    cable.set_when(cut.started + "500ms", up=False)
    cable.set_when(cut.started + "1s", up=True)
    ec.run(deadline="1m")

    routers = 64 - ping.result.replies[0].ttl
    print(f"{len(net.nodes)} cities, {len(net.links)} links")
    print(f"from Lisbon to Oslo and back {ping.result.rtt_min_s * 1000:.1f} ms, over {routers} routers")
    print(f"from Athens to Dublin {transfer.result.throughput_bps / 1e6:.1f} Mbit/s")
    print(f"while a cable was cut some were lost: {0 < cut.result.loss < 1}")
