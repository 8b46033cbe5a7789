"""The main job: six computers, two switches, a bottleneck of 20 Mbit/s and 10 ms between them, and what is measured across it.

    left-1  left-2  left-3                           right-1  right-2  right-3
       └───────┴───────┴── west ══ 20 Mbit/s, 10 ms ══ east ──┴────────┴───────┘

First the quiet line is pinged; then iperf3 fills it, while another ping sees what the queue in front of it costs; at last
the bottleneck is halved, at run time, and the other direction is measured.
"""

from nepi import ExperimentController

with ExperimentController("demo", backend="netns") as ec:
    west, east = ec.add("Switch", name="west"), ec.add("Switch", name="east")
    left = [ec.add("Node", name=f"left-{number}") for number in (1, 2, 3)]
    right = [ec.add("Node", name=f"right-{number}") for number in (1, 2, 3)]
    for node, switch in [(node, west) for node in left] + [(node, east) for node in right]:
        ec.add("Link", node, switch, rate="100Mbit")
    bottleneck = ec.add("Link", west, east, name="bottleneck", rate="20Mbit", delay="10ms")

    quiet = ec.add("Ping", left[0], target=right[0], count=10, interval="100ms", name="ping-quiet")
    download, _ = ec.iperf3(left[1], right[1], duration="5s", name="download")
    download.start_when(quiet.finished)
    busy = ec.add("Ping", left[0], target=right[0], count=20, interval="200ms", name="ping-busy")
    busy.start_when(download.started + "500ms")

    upload, _ = ec.iperf3(left[2], right[2], duration="3s", reverse=True, name="upload-halved")
    bottleneck.set_when(download.finished & busy.finished, rate="10Mbit")
    upload.start_when(download.finished + "200ms", deadline="1m")
    ec.run(deadline="1m")
