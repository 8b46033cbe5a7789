"""Two phones that download while they drive from one LTE cell to the other.

`nepi run examples/ns3/lte.py`
"""

from nepi import ExperimentController

with ExperimentController("ns3-lte", backend="ns3", seed=1) as ec:
    server, gateway = ec.add("Node", name="server"), ec.add("Node", name="gateway")
    phones = [ec.add("Node", name=f"phone{number}", x=100.0 + 50 * number, speedX=50.0) for number in range(2)]
    ec.add("Link", server, gateway, rate="1Gbit", delay="5ms")
    lte = ec.add("LteNetwork", cells="0,0 800,0", handover="A3RSRP")
    ec.add("Station", gateway, lte, accessPoint=True)
    for phone in phones:
        ec.add("Station", phone, lte)
    # A phone needs some 20 ms to find its cell.
    downloads = []
    for port, phone in enumerate(phones, start=5202):
        serving = ec.add("Iperf3Server", server, port=port)
        download = ec.add("Iperf3Client", phone, target=server, port=port, duration="10s", reverse=True)
        download.start_when(serving.started + "100ms")
        downloads.append(download)
    ec.run()
    for phone, download in zip(phones, downloads, strict=True):
        way = ", ".join(f"{row.event} {row.cell} after {row.at_s:.1f} s" for row in lte.result if row.node == phone.name)
        print(f"{phone.name}: {download.result.throughput_bps / 1e6:.1f} Mbit/s, {way}")
