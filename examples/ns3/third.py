"""ns-3's tutorial, third.cc: a wire and a Wi-Fi network, joined by a link.

`nepi run examples/ns3/third.py`
"""

from nepi import ExperimentController

with ExperimentController("ns3-third", backend="ns3") as ec:
    gateway = ec.add("Node", name="gateway")
    wired = [ec.add("Node", name=f"wired{number}", x=40.0 + 5 * number) for number in range(4)]
    phones = [ec.add("Node", name=f"phone{number}", x=5.0 * number, y=5.0, speedX=0.5) for number in range(3)]
    ec.add("Link", gateway, wired[0], rate="5Mbit", delay="2ms")
    wire, air = ec.add("CsmaNetwork", rate="100Mbit"), ec.add("WifiNetwork", standard="g")
    for node in wired:
        ec.add("Station", node, wire)
    ec.add("Station", gateway, air, accessPoint=True)
    for node in phones:
        ec.add("Station", node, air)
    recording = ec.add("Recording", name="recording")
    ec.enable_trace(recording, "animation")
    # A station needs a moment to find its access point: what it sends before that is lost.
    echo = ec.add("Ping", phones[2], target=wired[3], count=5, interval="500ms", packetSize="1024B")
    server = ec.add("Iperf3Server", wired[3])
    upload = ec.add("Iperf3Client", phones[0], target=wired[3], udp=True, rate="1Mbit", duration="2s")
    upload.start_when(echo.finished & server.started)
    ec.run()
    print(f"{echo.result.received} of {echo.result.transmitted} answers, the last after {echo.result.replies[-1].rtt_s * 1000:.2f} ms")
    print(
        f"{upload.result.loss:.1%} lost; {len(recording.result)} flow recorded; NetAnim shows {ec.trace_path(recording.guid, 'animation')}"
    )
