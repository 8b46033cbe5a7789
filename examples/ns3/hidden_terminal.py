"""Wi-Fi's hidden terminal: two stations that do not hear each other send to a third, with and without RTS/CTS.

`nepi run examples/ns3/hidden_terminal.py`
"""

from nepi import ExperimentController


def loss(rts_threshold: int) -> float:
    """Return the part of the packets of both that is lost."""
    with ExperimentController("hidden-terminal", backend="ns3", seed=1) as ec:
        left, middle, right = (ec.add("Node", name=name, x=x) for name, x in (("left", 0.0), ("middle", 80.0), ("right", 160.0)))
        air = ec.add("WifiNetwork", adhoc=True, standard="b", dataMode="DsssRate11Mbps", range=100, rtsThreshold=rts_threshold)
        for node in (left, middle, right):
            ec.add("Station", node, air)
        ec.add("Iperf3Server", middle, port=1)
        ec.add("Iperf3Server", middle, port=2)
        senders = [
            ec.add("Iperf3Client", node, target=middle, port=port, udp=True, rate="3Mbit", duration="5s")
            for node, port in ((left, 1), (right, 2))
        ]
        ec.run()
        flows = [one.result for one in senders]
        return 1 - sum(flow.received_bytes for flow in flows) / sum(flow.sent_bytes for flow in flows)


without, with_rts = loss(rts_threshold=4_692_480), loss(rts_threshold=100)
print(f"lost without RTS/CTS: {without:.1%}, with: {with_rts:.1%}")
