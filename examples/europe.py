"""A network of 38 cities from a GraphML file, as the Topology Zoo has them: delays from the map, rates from the file.

From Lisbon to Helsinki and to Athens: the way that the plan chose, and what the light's speed leaves of a ping.
"""

from pathlib import Path

from nepi import ExperimentController, Topology

MAP = Path(__file__).with_name("data") / "europe.graphml"

with ExperimentController("europe", backend="netns") as ec:
    net = ec.build(Topology.load(MAP))
    lisbon = net.node("Lisbon")
    pings = {
        city: ec.add("Ping", lisbon, target=net.node(city), count=5, interval="200ms", name=f"to-{city}") for city in ("Helsinki", "Athens")
    }
    ways = {city: ec.add("Traceroute", lisbon, target=net.node(city), queries=1, name=f"way-to-{city}") for city in pings}
    web = ec.add("HttpServer", net.node("Helsinki"), bytes="500kB", name="web")
    page = ec.add("HttpClient", lisbon, target=net.node("Helsinki"), path="/data", name="page")
    page.start_when(web.started)
    ec.run(deadline="60s")
    for city, ping in pings.items():
        print(f"{city}: {len(ways[city].result.hops)} hops, {ping.result.rtt_min_s * 1e3:.1f} ms, loss {ping.result.loss:.0%}")
    print("page:", page.result.fetches[0].body_bytes, "bytes")
